"""How many workers and threads for a machine and its pages?"""

import math

TASK = """
## Exercise: how many of each?

Somebody gives you a machine and a site, and asks for gunicorn's two numbers. You know:

- `cores`: processor cores of the machine
- `cpu_ms`: how long a page keeps a core busy
- `waits_ms`: how long a page also waits, for a database or another service
- `memory_mb`: memory that is left for the application
- `worker_mb`: memory that one worker uses, including its threads

Write the rule of this lesson's configuration:

1. **workers**: one for each core, and at least two; but never more than fit into memory, and never fewer than one.
2. **threads** in each worker: enough for the cores to have work while other requests wait. A page holds its slot for
   `cpu_ms + waits_ms`, and keeps a core busy for `cpu_ms` of them. Round up. The threads of a worker take turns on one
   core (the GIL), so three workers keep three cores busy at most, however many there are.

The cell asks your function about several machines.
"""

START = """
def settings(cores, cpu_ms, waits_ms, memory_mb, worker_mb):
    workers = 2 * cores + 1
    threads = 1
    return workers, threads
"""

HINTS = [
    "How many workers fit into the memory? Division without a remainder is written // in Python. min and max do "
    "the rest.",
    "On one core: a page that computes 10 ms and waits 40 ms uses the core for a fifth of its time. So five such pages "
    "keep one core busy, and each core that a worker can use needs that many slots.",
    "busy = min(cores, workers) cores can be busy. slots = busy * (cpu_ms + waits_ms) / cpu_ms, shared out over the "
    "workers. math.ceil rounds up.",
]

SOLUTION = """
import math

def settings(cores, cpu_ms, waits_ms, memory_mb, worker_mb):
    workers = max(1, min(max(2, cores), memory_mb // worker_mb))
    busy = min(cores, workers)  # a worker keeps one core busy at most
    slots = busy * (cpu_ms + waits_ms) / cpu_ms
    return workers, math.ceil(slots / workers)
"""

CASES = [  # what is special about it; cores, cpu_ms, waits_ms, memory_mb, worker_mb
    ("four cores and memory enough", (4, 10, 40, 4000, 100)),
    ("one core: one worker may hang, another has to be there", (1, 10, 40, 2000, 100)),
    ("eight cores, and memory for three workers, which use three cores", (8, 10, 40, 350, 100)),
    ("memory for less than one worker, but there must be one", (2, 10, 40, 80, 100)),
    ("pages that never wait", (4, 20, 0, 4000, 100)),
    ("pages that wait nearly always", (1, 5, 155, 2000, 100)),
    ("pages that need a bit more than whole threads", (2, 10, 25, 2000, 100)),
]


def check(lab, namespace) -> str:
    settings = namespace.get("settings")
    if not callable(settings):
        return "there is no function `settings`."
    for special, machine in CASES:
        said = settings(*machine)
        if not isinstance(said, tuple) or len(said) != 2:
            return "`settings` must return two numbers: workers, threads."
        asked = "settings({}, {}, {}, {}, {})".format(*machine)
        for name, mine, right in zip(("workers", "threads"), said, _right(*machine), strict=True):
            if mine != right:
                return f"{asked}: {special}. You say {mine} {name}; {'more' if mine < right else 'fewer'} are right."
    return ""


def _right(cores: int, cpu_ms: int, waits_ms: int, memory_mb: int, worker_mb: int) -> tuple[int, int]:
    """Workers and threads, by the rule of the task."""
    workers = max(1, min(max(2, cores), memory_mb // worker_mb))
    return workers, math.ceil(min(cores, workers) * (cpu_ms + waits_ms) / cpu_ms / workers)
