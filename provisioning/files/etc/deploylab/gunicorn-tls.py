"""gunicorn for the stage `tls`. It is a Python file: `gunicorn --check-config` reads it too."""

import sys
from pathlib import Path

# A socket file, not a port: only processes on this machine can reach it, and /run/deploylab
# lets only the web servers' group in.
bind = "unix:/run/deploylab/tls.sock"

# Where the code is. Set here although supervisord starts us there: `app` may be a link to a release, and a process
# started there knows only where the link pointed. Set like this, the link is followed again at each reload.
chdir = "/srv/deploylab/tls/app"

# Processes: as many as there are cores to compute on, and two at least, so that one that
# hangs or is replaced does not take the site with it.
workers = 2

# Threads in each process. While one waits (for the database, for another service), the others
# answer. A process of the class "sync" has one slot: a page that waits 50 ms then holds the
# whole process for those 50 ms. 2 x 8 = 16 requests at one time.
worker_class = "gthread"
threads = 8

# A process takes no more connections than it has threads. The others wait in the socket's queue,
# where the first free thread of any process takes them. With gunicorn's 1000, one process takes
# most of them and lets them wait behind its own 8 threads, while the other process is idle.
worker_connections = threads

# No connection is kept for the next request: see the upstream in nginx's file.
keepalive = 0

# Seconds without a sign of life from its main thread after which a worker is killed and replaced. That thread only
# accepts connections. So this is no limit for a request: one that hangs keeps its thread for good.
timeout = 30

# What bounds a request: overdue.py, beside this file. It logs one that takes more than 30 seconds, and ends a process
# whose requests take that long on average over its threads.
sys.path.append(str(Path(__file__).parent))
from overdue import post_request, post_worker_init, pre_request

# Seconds that running requests get to finish when the server is restarted.
graceful_timeout = 30

# Workers show that they are alive by touching a file. In memory: on a slow disk that touch can
# block, and a healthy worker would be killed.
worker_tmp_dir = "/dev/shm"

# Not set: max_requests. It replaces a worker after that many requests, which hides a memory leak
# and costs a pause each time. First check whether there is a leak.

# Not set: preload_app. Loading the application before the fork saves memory, but then a reload
# does not load new code.

# nginx writes the access log. Errors go to standard error; supervisord keeps them in a file.
accesslog = None
errorlog = "-"

# By which scheme a visitor came, only the server in front says: it puts its own X-Forwarded-Proto in place of a
# visitor's. By default gunicorn believes X-Forwarded-Ssl and X-Forwarded-Protocol too, which a visitor may send along:
# where they contradict, that visitor gets 400.
secure_scheme_headers = {"X-FORWARDED-PROTO": "https"}

# Nor does a header say where the site begins. By default gunicorn takes one called SCRIPT_NAME for the server's own
# word: nginx drops names with an underscore, but Apache and lighttpd pass them on, and the visitor gets 500.
forwarder_headers = ""

# gunicorn 27 can be controlled through a socket of its own, in its user's home, where ours may not write. Nobody
# uses it here, and each start would log an error.
control_socket_disable = True
