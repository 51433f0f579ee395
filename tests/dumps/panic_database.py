"""PostgreSQL on the mirror under load, panics in the middle of it: what was acknowledged is there.

    pgbench at the peer ---> bond --> PostgreSQL --> mirror     panic, five times;
      counts what it was told                                    memory back, armed again
"""
import os
import shutil
import tempfile

from ftguest import layers, store
from _dumps import *  # noqa: F403

ROUNDS = int(os.environ.get("ROUNDS", "5"))
CLIENTS = 4
DATA = "/mnt/data"
BIN = "/usr/lib/postgresql/15/bin"
# Who waits for an answer from a server that has died has nothing to send again.
WHERE = ("'host=10.77.0.2 user=postgres dbname=postgres connect_timeout=5 keepalives_idle=2 "
         "keepalives_interval=1 keepalives_count=3'")
OPTIONS = ("-c listen_addresses='*' -c shared_buffers=16MB -c jit=off -c autovacuum=off "
           "-c unix_socket_directories=/tmp -c max_connections=20")
# Each client counts; every count is a transaction of its own, beside some that change rows.
SCRIPT = """\
\\set id random(1, 1000)
BEGIN;
UPDATE counters SET value = value + 1 WHERE id = :id;
INSERT INTO told (round, client, n) VALUES (:round, :client_id, :n + 1);
END;
\\set n :n + 1
"""
USER = "grep -q :999: /etc/passwd || echo postgres:x:999:999::/:/bin/sh >>/etc/passwd"
AS_POSTGRES = "setpriv --reuid 999 --regid 999 --clear-groups"
here = Path(tempfile.mkdtemp(prefix="ftguest-pg-", dir="/tmp"))


def postgres():
    """A layer: this Debian's PostgreSQL, without what compiles queries, and its libraries."""
    root = Path("/usr/lib/postgresql/15")

    def make(folder):
        files = [*(root / "bin" / name for name in ("postgres", "initdb", "pg_ctl")),
                 *(path for path in root.glob("lib/*.so") if "llvm" not in path.name)]
        needed = layers.run(["ldd", *files])
        libraries = {Path(word) for word in needed.split() if word.startswith("/lib/x86_64")
                     and not re.search(r"/lib(c|m|resolv)\.so", word)}
        for file in (*files, *libraries, *Path("/usr/share/postgresql/15").rglob("*"),
                     Path("/usr/share/zoneinfo/Etc/UTC")):
            if file.is_file():
                name = str(file).lstrip("/")
                place = folder / (f"usr/{name}" if name.startswith("lib/") else name)
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(file, place)
    key = store.key(*(str(path.stat().st_mtime_ns) for path in sorted(root.glob("bin/*"))))
    return store.product("postgres", key, make, keep=2)


def database():
    """Starts it, on the mirror that is mounted; recovery is its own matter."""
    sh(f"{USER}; {AS_POSTGRES} {BIN}/pg_ctl -D {DATA} -w -t 120 -l /tmp/postgres.log "
       f"-o \"{OPTIONS}\" start; cat /tmp/postgres.log", 180)


def sql(text):
    return peer(f"{BIN}/psql {WHERE} -qAt -c \"{text}\"", 120).strip()


def told(number):
    """Transactions of each client that were acknowledged, by pgbench's own log."""
    counts = dict.fromkeys(range(CLIENTS), 0)
    for log in here.glob(f"round{number}.*"):
        for line in log.read_text().splitlines():
            counts[int(line.split()[0])] += 1
    return counts


ready(layers=(postgres(),), size="512M")
sh(f"{USER}; "
   f"mkdir -m 700 {DATA}; chown 999:999 {DATA}; "
   f"{AS_POSTGRES} {BIN}/initdb -U postgres -D {DATA} -A trust --no-locale >/dev/null && "
   f"echo 'host all all 10.77.0.0/24 trust' >>{DATA}/pg_hba.conf; sync", 300)
database()
sql("CREATE TABLE counters (id int PRIMARY KEY, value int); "
    "INSERT INTO counters SELECT n, 0 FROM generate_series(1, 1000) n; "
    "CREATE TABLE told (round int, client int, n int, PRIMARY KEY (round, client, n))")
(here / "script").write_text(SCRIPT)
put("/etc/ftstack/dump.conf", get("/etc/ftstack/dump.conf").decode() + "panics = 20\n")
sh("ftctl dump load", 120)

for number in range(1, ROUNDS + 1):
    load = peer_start(f"{BIN}/pgbench -n -f {here}/script -c {CLIENTS} -j 1 -T 600 -l "
                      f"--log-prefix={here}/round{number} -D round={number} -D n=0 {WHERE} 2>&1")
    wait_for(lambda: sql(f"SELECT count(*) FROM told WHERE round = {number}") != "0", 120)
    sh("sleep 3")
    crash()
    serve("")
    database()
    note(f"the database answers: {sql('SELECT count(*) FROM told')} transactions")
    load.wait(300, check=False)
    counts = told(number)
    note(f"acknowledged {counts}")
    expect(sum(counts.values()) > 0, f"pgbench was told of nothing: {load.text[-500:]}")
    for client, count in counts.items():
        found = int(sql(f"SELECT count(*) FROM told WHERE round = {number} AND client = {client} "
                        f"AND n <= {count}"))
        expect(found == count, f"client {client}: {count} were acknowledged, {found} are there")
    total = sql("SELECT sum(value) FROM counters"), sql("SELECT count(*) FROM told")
    expect(total[0] == total[1], f"half a transaction: {total}")
    said = wait_saved()
    expect(read("state") == "RETURNED" and
           sh("cat /sys/kernel/kexec_crash_loaded").strip() == "1", said)
    expect(dumps()[-1]["complete"], said)
    duplex()

sh(f"{AS_POSTGRES} {BIN}/pg_ctl -D {DATA} -m fast stop; "
   "umount /mnt", 120)
duplex()
identical()
shutil.rmtree(here)
