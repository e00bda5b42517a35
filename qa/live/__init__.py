"""Plays a scenario file on real processes: titan-pos in network namespaces, titan-cloud, PostgreSQL.

    run.py         the command: ./titan lab run FILE
    suite.py       many of them: ./titan lab suite
    torture.py     random ones, for as long as asked: ./titan lab torture
    scenario.py    the scenario, as titan-sim has read and checked it
    shop.py        the store: hosts, terminals, cloud, what goes on them and off them
    gateways.py    the cloud: one gateway, or several behind balancer.py
    terminal.py    one terminal: its process, disk images, and what is broken inside it
    inside.py      the disk and clock of one process, through interpose.c
    wires.py       who reaches whom; cuts, switches, qualities of lines
    faults.py      one function per kind of fault
    workload.py    what is sold: the same seed, the same requests
    screen.py      the till screens: send, repeat, remember what is open
    observer.py    listens to terminals and cloud while it runs
    inventory.py   reads disks, store database and cloud at the end
    history.py     the history file that titan-sim judges
    standstill.py  notices when the machine itself stood still

What is told to the checkers is what simulations/history/observation.h names. What a real run
cannot show is said by name, in the report and in the history, never left out silently.
"""
