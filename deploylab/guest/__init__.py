"""Small programs that run on the guest: standard library only, sent over ssh, answering in JSON."""
