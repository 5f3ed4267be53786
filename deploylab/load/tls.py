"""What the TLS connections of one load test share: whom they trust, which name they expect, and what they agreed on."""

import ssl
from collections import deque

from deploylab.core.errors import LoadError
from deploylab.load.allowed import Endpoint
from deploylab.load.spec import LoadSpec

HTTP_1, HTTP_2 = "http/1.1", "h2"  # Source: RFC 7301 and 9113, the names of application protocols
MOST_SESSIONS = 10_000  # that wait for a new connection; more than any load has connections


class Tls:
    """The settings of TLS, and the sessions that may be resumed.

    Args:
        server_name: the name that the server's certificate must have; it is also sent in the ClientHello.
        ca_file: certificates to trust, as PEM; None: those of this system.
        resume: new connections resume the session of an earlier one, if one waits.
        protocol: what is to be spoken, HTTP_1 or HTTP_2.

    Raises:
        LoadError: the file cannot be read, or holds no certificate.

    Example:
        >>> tls = Tls(server_name="localhost")
        >>> tls.context.check_hostname, tls.agreed
        (True, None)
    """

    def __init__(self, *, server_name: str, ca_file: str | None = None, resume: bool = False,
                 protocol: str = HTTP_1):
        try:
            self.context = ssl.create_default_context(cafile=ca_file)
        except ssl.SSLError as error:
            raise LoadError(f"{ca_file} holds no certificate: {error.reason or error}",
                            "--ca FILE   a file with certificates as PEM") from error
        except OSError as error:
            raise LoadError(f"Cannot read {ca_file}: {error.strerror}.",
                            "--ca FILE   a file that you can read") from error
        self.context.set_alpn_protocols([protocol])
        self.server_name, self.protocol = server_name, protocol
        self.agreed: str | None = None  # protocol and cipher of the first handshake, and HTTP/2 if it is spoken
        # A session is used once, as TLS 1.3 advises; the connection that used it leaves a new one. None: never resumed.
        self.sessions: deque[ssl.SSLSession] | None = deque(maxlen=MOST_SESSIONS) if resume else None

    @classmethod
    def of(cls, spec: LoadSpec, endpoint: Endpoint) -> "Tls | None":
        """The settings that a spec asks for; None for plain HTTP.

        Raises:
            LoadError: as the class.
        """
        if endpoint.scheme != "https":
            return None
        return cls(server_name=spec.server_name or endpoint.name, ca_file=spec.ca_file, resume=spec.resume,
                   protocol=HTTP_2 if spec.http2 else HTTP_1)

    def check_protocol(self, tls: ssl.SSLObject) -> None:
        """Note what a handshake agreed on. Raises SSLError if the server does not speak HTTP/2 and must."""
        if self.protocol == HTTP_2 and tls.selected_alpn_protocol() != HTTP_2:
            raise ssl.SSLError("the server does not speak HTTP/2")
        if self.agreed is None:
            spoken = ", HTTP/2" if self.protocol == HTTP_2 else ""
            self.agreed = f"{tls.version()}, {tls.cipher()[0]}{spoken}"
