"""What every command of ours finds in its environment, whatever the person's own says."""

import os
from collections.abc import Mapping

# We read what programs print, and compare it: `stat` says "regular file" in English alone.
ENGLISH = {"LC_ALL": "C.UTF-8", "LANGUAGE": ""}
LOOPBACK = ("localhost", "127.0.0.1", "::1")


def direct(*hosts: str, environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The variables that keep a web proxy away from loopback and from these hosts: it would answer in their place.

    Args:
        hosts: names and addresses to reach directly too, such as the machine's.
        environment: what a person has excluded already stays excluded.

    Example:
        >>> direct("10.0.3.21", environment={"no_proxy": "intranet"})["no_proxy"]
        'intranet,localhost,127.0.0.1,::1,10.0.3.21'
    """
    before = environment.get("no_proxy") or environment.get("NO_PROXY") or ""
    names = [name.strip() for name in before.split(",") if name.strip()]
    # A star alone excludes every host; beside others it is a name like any other.
    text = "*" if "*" in names else ",".join(dict.fromkeys([*names, *LOOPBACK, *filter(None, hosts)]))
    return {"no_proxy": text, "NO_PROXY": text}
