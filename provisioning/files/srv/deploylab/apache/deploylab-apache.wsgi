"""The link between mod_wsgi and Django, for the stage `apache`.

Apache starts the processes that import this file, and Apache was not started by a shell that has
read the environment of the stage. So ask a shell for it, before Django reads its settings.
"""

import os
import subprocess

# `set -a`: what the file sets is exported. `env -0`: a zero byte after each variable, because
# values may hold anything else.
READ = "set -a; . /etc/deploylab/apache.env; env -0"
said = subprocess.run(["/bin/sh", "-c", READ], check=True, stdout=subprocess.PIPE, text=True).stdout
os.environ.update(line.split("=", 1) for line in said.split("\0") if line)

# mod_wsgi looks for the name `application`.
from programme.wsgi import application  # noqa: E402, F401
