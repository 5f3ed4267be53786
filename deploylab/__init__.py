"""deploylab: learn how a Django site is deployed by measuring every step."""


def load_ipython_extension(ipython) -> None:
    """What `%load_ext deploylab` calls."""
    from deploylab.lessons import extension  # notebooks alone need it

    extension.load(ipython)
