"""Sends what is in the outbox, by SMTP (RFC 5321); without a server everything stays there for the operator to read."""

import logging
import smtplib
import ssl
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime
from urllib.parse import unquote, urlsplit

from celadon.actions import mails
from celadon.actions.context import Context
from celadon.model.mail import Mail
from celadon.platform.settings import Settings

# Of one round, and seconds for each word of the server.
_ROUND = 50
_TIMEOUT = 20.0

log = logging.getLogger(__name__)


class Post:
    """Brings letters to the SMTP server."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._settings = context.settings

    def ensure(self) -> int:
        """Send what is due; returns how many were sent. A letter is sent again when the clock is killed in between."""
        if not self._settings.smtp_url:
            return 0
        letters = mails.due(self._context, _ROUND)
        if not letters:
            return 0
        sent = 0
        try:
            server = _connection(self._settings)
        except (OSError, smtplib.SMTPException) as error:
            log.warning("at=mail error=%r", str(error))
            for letter in letters:
                mails.failed(self._context, letter, str(error))
            return 0
        try:
            for letter in letters:
                # After one that broke the connection the rest are due still: the next round takes them.
                sent += self._send(server, letter)
        except (OSError, smtplib.SMTPServerDisconnected) as error:
            log.warning("at=mail error=%r", str(error))
        finally:
            server.close()
        return sent

    def _send(self, server: smtplib.SMTP, mail: Mail) -> bool:
        """Whether it was sent; raises OSError, SMTPServerDisconnected when that ended the connection."""
        try:
            server.send_message(_message(self._settings, mail), to_addrs=[mail.recipient])
        except Exception as error:
            # Whatever is in a letter, it must keep no other from being sent.
            log.exception("at=mail id=%s", mail.id)
            mails.failed(self._context, mail, str(error))
            if isinstance(error, (smtplib.SMTPServerDisconnected, ConnectionError, TimeoutError)):
                raise
            return False
        mails.sent(self._context, mail)
        return True


def _connection(settings: Settings) -> smtplib.SMTP:
    """Logged in to the server of `smtp_url`; by `smtp:` it is secured as soon as the server offers it."""
    url = urlsplit(settings.smtp_url)
    trusted = ssl.create_default_context(cafile=str(settings.ca_bundle) if settings.ca_bundle.is_file() else None)
    host = url.hostname or "localhost"
    if url.scheme == "smtps":
        server: smtplib.SMTP = smtplib.SMTP_SSL(host, url.port or 465, timeout=_TIMEOUT, context=trusted)
    else:
        server = smtplib.SMTP(host, url.port or 587, timeout=_TIMEOUT)
        server.ehlo()
        if server.has_extn("starttls"):
            server.starttls(context=trusted)
        elif url.username:
            server.close()
            raise smtplib.SMTPException(f"cannot log in to {host}: it offers no TLS, the password would be seen")
    if url.username:
        server.login(unquote(url.username), unquote(url.password or ""))
    return server


def _message(settings: Settings, mail: Mail) -> EmailMessage:
    message = EmailMessage()
    message["From"] = settings.mail_from or f"Celadon <celadon@{settings.domain}>"
    message["To"] = Address(addr_spec=mail.recipient)
    message["Subject"] = mail.subject
    message["Date"] = format_datetime(mail.created_at)
    message["Message-ID"] = f"<{mail.id}@{settings.domain}>"
    message.set_content(mail.text)
    return message
