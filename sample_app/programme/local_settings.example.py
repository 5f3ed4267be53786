"""Settings of one machine. Copy to `local_settings.py` beside this file; git ignores the copy.

It is read at the end of settings.py, so what is here wins over the environment. The course uses the
environment; many sites use such a file, and guide II tries one.
"""

# Who asks for the site: the machine's name or address, without the port.
# ALLOWED_HOSTS = ["localhost", "127.0.0.1", "192.0.2.10"]

# 50 or more random characters: python -c 'import secrets; print(secrets.token_urlsafe(50))'
# SECRET_KEY = ""

# A MySQL or MariaDB database instead of SQLite.
# DATABASES = {
#     "default": {
#         "ENGINE": "django.db.backends.mysql",
#         "NAME": "programme",
#         "USER": "programme",
#         "PASSWORD": "",                            # the one you gave the user in CREATE USER
#         "HOST": "/run/mysqld/mysqld.sock",         # a path is a socket; a name goes over TCP
#         "CONN_MAX_AGE": 60,                        # keep a connection for 60 seconds
#         "CONN_HEALTH_CHECKS": True,                # and ask whether it lives before using it
#         "OPTIONS": {
#             "charset": "utf8mb4",                  # all of Unicode
#             "init_command": "SET sql_mode='STRICT_TRANS_TABLES'",
#         },
#     }
# }
