"""Sends mail through the operator's SMTP server, and says honestly what became of it.

The standard library's client runs in a thread of its own pool and is imported by the first mail. Which step
failed decides what is known: until the server has been given the text, the mail certainly did not leave; a
connection that breaks after that leaves it open.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from email.message import EmailMessage
from email.utils import parseaddr
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from zhike.config.mail import Mail

TIMEOUT_S = 20.0
"""Per wait for the server."""
THREADS = 2


class MailError(Exception):
    """It was not sent. ``for_good``: the server refuses this mail and always will."""

    def __init__(self, why: str, *, for_good: bool = False) -> None:
        super().__init__(why)
        self.for_good = for_good


class MailUnclear(Exception):
    """It may have been sent: the connection broke after the server had been given the text."""


class Mailer:
    """See the module. Create it anywhere; :meth:`send` runs on an event loop.

    Args:
        ssl_context: for tests with their own certificate authority; default: the system's.
    """

    def __init__(self, settings: Mail, *, ssl_context: Any = None, timeout_s: float = TIMEOUT_S) -> None:
        self.settings = settings
        self._ssl_context = ssl_context
        self._timeout_s = timeout_s
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="zhike-mail")
        self.sent_count = 0

    @property
    def ready(self) -> bool:
        """Whether mail is set up."""
        return bool(self.settings.host)

    @property
    def address(self) -> str:
        """The bare address that mail comes from."""
        return parseaddr(self.settings.sender)[1]

    async def send(self, message: EmailMessage, recipients: list[str]) -> None:
        """Sends one mail.

        Raises:
            MailError: it certainly did not reach anybody.
            MailUnclear: nobody knows.
        """
        if not self.ready:
            raise MailError("mail is not set up (mail.host)")
        await asyncio.get_running_loop().run_in_executor(self._threads, self._send, message, recipients)
        self.sent_count += 1

    def close(self) -> None:
        """Takes no more; a mail under way ends by itself."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    # ---- in a thread -------------------------------------------------------------------------

    def check(self) -> None:
        """Connects and signs in as for a mail, and sends none.

        Raises:
            MailError: it cannot.
        """
        self._leave(self._enter())

    def _send(self, message: EmailMessage, recipients: list[str]) -> None:
        client = self._enter()
        try:
            self._give(client, message, recipients)
        finally:
            self._leave(client)

    def _enter(self) -> Any:
        import smtplib

        try:
            return self._open()
        except smtplib.SMTPResponseException as error:  # also a wrong password: it may be mended
            raise MailError(_answer(error.smtp_code, error.smtp_error)) from error
        except (smtplib.SMTPException, OSError) as error:
            raise MailError(_said(error)) from error

    def _leave(self, client: Any) -> None:
        import smtplib

        try:
            client.quit()
        except (smtplib.SMTPException, OSError):
            client.close()

    def _open(self) -> Any:
        import smtplib

        own = self.settings
        if own.security == "tls":
            client: Any = smtplib.SMTP_SSL(own.host, own.port, timeout=self._timeout_s, context=self._tls())
        else:
            client = smtplib.SMTP(own.host, own.port, timeout=self._timeout_s)
        try:
            client.ehlo()
            if own.security == "starttls":
                client.starttls(context=self._tls())
                client.ehlo()
            if own.user:
                client.login(own.user, own.password)
        except BaseException:
            client.close()
            raise
        return client

    def _give(self, client: Any, message: EmailMessage, recipients: list[str]) -> None:
        import smtplib
        from email import policy

        data = message.as_bytes(policy=policy.SMTP)
        try:
            code, said = client.mail(self.address)
            if code == 250:
                for one in recipients:
                    code, said = client.rcpt(one)
                    if code not in (250, 251):
                        break
        except (smtplib.SMTPException, OSError) as error:
            raise MailError(_said(error)) from error
        if code not in (250, 251):
            client.rset()
            raise MailError(_answer(code, said), for_good=500 <= code < 600)
        try:
            code, said = client.data(data)
        except smtplib.SMTPDataError as error:  # the server did not want to see it
            raise MailError(_answer(error.smtp_code, error.smtp_error),
                            for_good=500 <= error.smtp_code < 600) from error
        except (smtplib.SMTPException, OSError) as error:
            raise MailUnclear(_said(error)) from error
        if code != 250:
            raise MailError(_answer(code, said), for_good=500 <= code < 600)

    def _tls(self) -> Any:
        import ssl

        if self._ssl_context is None:
            self._ssl_context = ssl.create_default_context()
        return self._ssl_context


def _answer(code: int, said: bytes | str) -> str:
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else said
    return f"{code} {text}".strip()[:300]


def _said(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}".rstrip(": ")[:300]
