"""gunicorn for the variant `nginx:sync-16`: as many slots as in the stage `nginx`, each a process of its own.

It is a Python file: `gunicorn --check-config` reads it too.
"""

# A socket file, not a port: only processes on this machine can reach it, and /run/deploylab
# lets only the web servers' group in.
bind = "unix:/run/deploylab/nginx-sync-16.sock"

# Where the code is. Set here although supervisord starts us there: `app` may be a link to a release, and a process
# started there knows only where the link pointed. Set like this, the link is followed again at each reload.
chdir = "/srv/deploylab/nginx/app"

# Processes: one for each request that may wait at one time. Each has all of Django in memory, some 36 MB here,
# and may keep a connection to the database, as each thread of the stage may.
workers = 16

# gunicorn's default class. Each process works on one request at a time: 16 slots in all. A page
# that waits 50 ms holds its process for those 50 ms, so 320 requests per second is the most.
worker_class = "sync"

# Not set: threads and keepalive. With more than one thread gunicorn takes "gthread" by itself, and a
# sync worker closes every connection after its answer, so nginx's upstream keep-alive does nothing.

# Seconds without a sign of life after which a worker is killed and replaced. A sync worker works on its request in the
# only thread that it has, so this is the limit for a request too.
timeout = 30

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
