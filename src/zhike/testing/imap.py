"""A real IMAP server for tests: Debian's Dovecot on a loopback port, from a folder of its own."""

from __future__ import annotations

import getpass
import grp
import imaplib
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Self

DOVECOT = "/usr/sbin/dovecot"
USER, PASSWORD = "help", "open-sesame"
START_S = 20.0
CONFIG = """
protocols = imap
listen = 127.0.0.1
base_dir = {root}/run
state_dir = {root}/state
log_path = {root}/dovecot.log
ssl = no
disable_plaintext_auth = no
auth_mechanisms = plain login
{users}
first_valid_uid = 0
mail_location = maildir:{root}/mail
mail_uid = {user}
mail_gid = {group}
passdb {{
  driver = static
  args = password={password}
}}
userdb {{
  driver = static
  args = uid={user} gid={group} home={root}
}}
service imap-login {{
  chroot =
  service_count = 0
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
service anvil {{
  chroot =
}}
service stats {{
  chroot =
}}
"""


def there() -> bool:
    """Whether this machine has it."""
    return Path(DOVECOT).exists() and shutil.which("doveconf") is not None


class ImapServer:
    """A context manager; ``port`` is where it listens, ``USER`` and ``PASSWORD`` open it."""

    def __init__(self) -> None:
        self.root = Path()
        self.port = 0
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        self.root = Path(tempfile.mkdtemp(prefix="zhike-imap-"))
        self.root.chmod(0o755)
        for name in ("run", "state", "mail"):
            (self.root / name).mkdir()
        user = getpass.getuser()
        owner = "nobody" if user == "root" else user  # it gives no mail to root
        if user == "root":
            shutil.chown(self.root / "mail", owner)
        config = self.root / "dovecot.conf"
        group = grp.getgrgid(pwd.getpwnam(owner).pw_gid).gr_name
        # root keeps the users that the package made; anybody else is all of them
        users = "" if user == "root" else (f"default_login_user = {user}\ndefault_internal_user = {user}\n"
                                           f"default_internal_group = {group}")
        config.write_text(CONFIG.format(root=self.root, user=owner, port=self.port, password=PASSWORD,
                                        group=group, users=users))
        self._process = subprocess.Popen([DOVECOT, "-F", "-c", str(config)], stdout=subprocess.DEVNULL,
                                         stderr=subprocess.DEVNULL)
        until = time.monotonic() + START_S
        while True:
            try:
                with self.open():
                    return self
            except (OSError, imaplib.IMAP4.error):
                if time.monotonic() > until or self._process.poll() is not None:
                    log = self.root / "dovecot.log"
                    said = log.read_text() if log.exists() else "dovecot did not start"
                    self.__exit__(None, None, None)
                    raise RuntimeError(said) from None
                time.sleep(0.05)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(10)
            self._process = None
        shutil.rmtree(self.root, ignore_errors=True)

    def open(self) -> imaplib.IMAP4:
        """A signed-in client with INBOX open."""
        client = imaplib.IMAP4("127.0.0.1", self.port, timeout=10)
        client.login(USER, PASSWORD)
        client.select("INBOX")
        return client

    def put(self, raw: bytes) -> None:
        """A mail arrives."""
        with self.open() as client:
            client.append("INBOX", "", "", raw)

    def flags(self) -> list[bytes]:
        """The flags of every mail."""
        with self.open() as client:
            _, found = client.fetch("1:*", "(FLAGS)")
            return [each for each in found if isinstance(each, bytes)]
