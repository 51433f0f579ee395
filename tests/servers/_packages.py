"""What the scenarios of the packages share."""
from ftguest.verbs import *  # noqa: F403


def duplex(timeout=300):
    """Wait for ftd, and until everything is."""
    wait_for("ftctl wait --duplex --timeout 5", timeout)


def built(kernel):
    """DKMS has built the kernel modules for a kernel, and signed them with the key it has."""
    file = sh(f"modinfo -k {kernel} -F filename ft_mirror").strip()
    expect("/updates/dkms/" in file, f"not DKMS's kernel module: {file}")
    key = sh("openssl x509 -inform der -in /var/lib/dkms/mok.pub -noout -subject")
    signer = sh(f"modinfo -k {kernel} -F signer ft_mirror").strip()
    expect(signer and signer in key, f"signed by {signer!r}, DKMS's key is {key}")


def refused(command, *pairs):
    """What would leave the server without its pairs is not done while they run."""
    said = sh(f"{command} 2>&1; echo status $?", 300)
    expect(f"these pairs run: {' '.join(pairs)}" in said and "status 0" not in said, said)
    expect(rc("ftctl status") == 0, sh("ftctl status; true"))
