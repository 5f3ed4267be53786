"""What share of the requests failed: a printout is read."""

TASK = """
## Exercise: how many requests failed?

A site was put under load, and this was the result:

```
Concurrency Level:      10
Time taken for tests:   20.014 seconds
Complete requests:      4000
Failed requests:        260
   http_5xx:            200
   timeout:             50
   reset:               10
Non-2xx responses:      200
Requests per second:    186.87 [#/sec] (good answers only)
```

What share of the requests failed? Give a number between 0 and 1.
"""

START = """
share_failed = 0
"""

HINTS = [
    "Every request ended in exactly one way. Which lines count those that ended badly? Which line counts them all?",
    "The indented lines are the parts of `Failed requests`. `Non-2xx responses` counts some of them once more.",
    "Failed requests, divided by complete requests. In Python a division is written with /",
]

SOLUTION = """
share_failed = 260 / 4000
"""

N_SENT, N_FAILED = 4000, 260
WRONG = {
    200 / N_SENT: "that is the share that got a status of 500 or more. Timeouts and resets are failures too.",
    460 / N_SENT: "you counted the non-2xx responses twice: they are among the failed requests already.",
    520 / N_SENT: "you counted every failure twice: the indented lines are parts of the line above them.",
    N_FAILED / (N_SENT - N_FAILED): "that is failed divided by good. The share is out of all that were sent.",
    (N_SENT - N_FAILED) / N_SENT: "that is the share that succeeded.",
    100 * N_FAILED / N_SENT: "that is the number in per cent. A share of everything is 1.",
}


def check(lab, namespace) -> str:
    said = namespace.get("share_failed")
    if not isinstance(said, (int, float)) or isinstance(said, bool):
        return "share_failed must be a number."
    if _same(said, N_FAILED / N_SENT):
        return ""
    return next((text for wrong, text in WRONG.items() if _same(said, wrong)), "the share is a different number.")


def _same(a: float, b: float) -> bool:
    return abs(a - b) < 0.0005
