"""Bounds a request where gunicorn itself does not: in workers of the class "gthread".

gunicorn's `timeout` replaces a worker whose main thread gives no sign of life. In a gthread worker that thread only
accepts connections: it is alive as long as the process is, even if each of the others is stuck in a request, waiting
for something that never answers. Nothing is logged then, and the slots are gone until somebody restarts the server.

    one request takes longer than LIMIT_S       its first line goes to the log, and where in the code it is
    the requests of a process do, on average    the process ends, and gunicorn starts another one
    over all of its threads

The average is the rule of mod_wsgi's `request-timeout` too: a single slow page costs one thread for a while, and not
its neighbours in the process. It counts from the moment at which a request's head is complete: a client that sends half
a request is not seen here. Keeping those away is the work of the server in front.

Python cannot end a thread from outside. Only a process can be ended, with all of its requests: the others get GRACE_S.
"""

import os
import signal
import sys
import threading
import time
import traceback

LIMIT_S = 30
GRACE_S = 5      # for requests that are not overdue, in a process that is about to end: as long as mod_wsgi gives them
LOOK_EVERY_S = 1
FRAMES = 2       # of a thread's stack, the innermost: where it waits, and who called that

running = {}     # by thread: when its request began, on the monotonic clock, and the request's first line


def pre_request(worker, request):
    """gunicorn calls this in the thread that works on the request. Not the query: it may hold what is private."""
    running[threading.get_ident()] = (time.monotonic(), f"{request.method} {request.path}")


def post_request(worker, request, environ, response):
    """gunicorn calls this after the last byte, and after a failure too."""
    running.pop(threading.get_ident(), None)


def post_worker_init(worker):
    """gunicorn calls this in each worker, once its application is loaded."""
    threading.Thread(target=watch, args=(worker,), name="overdue", daemon=True).start()


def watch(worker):
    """Look at the worker's requests every second, until the process has to end."""
    told = set()
    while True:
        time.sleep(LOOK_EVERY_S)
        late = overdue()
        for thread, (began, line) in late.items():
            if (thread, began) not in told:
                worker.log.warning("REQUEST OVERDUE: %s has taken %d s and is here:\n%s", line, LIMIT_S, place(thread))
        told = {(thread, began) for thread, (began, line) in late.items()}
        if sum(time.monotonic() - began for began, line in list(running.values())) > LIMIT_S * worker.cfg.threads:
            replace(worker)


def overdue():
    """The requests that have taken longer than LIMIT_S."""
    return {thread: begun for thread, begun in list(running.items()) if time.monotonic() - begun[0] > LIMIT_S}


def place(thread):
    """Where in the code a thread is now."""
    frame = sys._current_frames().get(thread)
    return "".join(traceback.format_stack(frame)[-FRAMES:]).rstrip() if frame else "  (it has just ended)"


def replace(worker):
    """End this process: it accepts nothing from now on, and what is not overdue may finish."""
    worker.log.critical("REQUESTS OVERDUE: %d of %d threads are held. This worker ends, and another one takes its "
                        "place.", len(overdue()), worker.cfg.threads)
    os.kill(os.getpid(), signal.SIGTERM)  # gunicorn's own way to stop accepting
    until = time.monotonic() + GRACE_S
    while len(running) > len(overdue()) and time.monotonic() < until:
        time.sleep(0.1)
    # Not sys.exit: at the end of a program Python waits for the threads of a pool, and these never end.
    os._exit(1)
