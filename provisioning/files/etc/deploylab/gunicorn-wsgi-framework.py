"""gunicorn for the variant `wsgi:framework`: it speaks HTTP to visitors itself, with nothing in front.

It is a Python file: `gunicorn --check-config` reads it too.
"""

import sys
from pathlib import Path

# Every address of the machine, or the host could not reach it. On a real site gunicorn stays
# behind a server that reads slow visitors' requests for it.
bind = "0.0.0.0:8011"

# Processes: as many as there are cores to compute on, and two at least, so that one that
# hangs or is replaced does not take the site with it.
workers = 2

# Threads in each process: 2 x 8 = 16 requests at one time. While one waits, the others answer.
worker_class = "gthread"
threads = 8

# Seconds for which a visitor's connection stays open for the next request. It waits outside the
# threads, so it costs none of them.
keepalive = 5

# Not set: worker_connections, 1000. Here connections are visitors', and many are idle. Where a
# server in front opens one for each request, fewer is better: see the stage `nginx`.

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

# No access log: this stage has nothing in front that writes one, and nobody reads it here.
# Errors go to standard error; supervisord keeps them in a file.
accesslog = None
errorlog = "-"

# Nobody is in front who could say by which scheme a visitor came, or where the site begins. By default gunicorn
# believes such headers of anybody on this machine; here of nobody.
secure_scheme_headers = {}
forwarder_headers = ""

# gunicorn 27 can be controlled through a socket of its own, in its user's home, where ours may not write. Nobody
# uses it here, and each start would log an error.
control_socket_disable = True
