"""A kernel that warns is caught, even where nobody looks.

    (no modules)
"""
boot(modules=())
sh("echo 'WARNING: CPU: 0 PID: 1 at a_test' > /dev/kmsg")
wait_for(lambda: any("a_test" in line for line in kmsg()))
from ftguest import verbs

try:
    verbs._here.splats()
except Failure:
    allow_kmsg("a_test")
else:
    raise Failure("a warning was not noticed")
