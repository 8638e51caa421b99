"""Sources: archives of code that somebody uploads, to be built."""

from dataclasses import dataclass
from datetime import datetime, timedelta

# So long a source may be uploaded, read and built.
LIFETIME = timedelta(hours=1)
# Of one account: so many times the largest source there may be, all together.
MOST = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """`size` (bytes) and `checksum` (`SHA256:` and hexadecimal digits) are those of the archive, None before it comes."""

    id: str
    account_id: str
    size: int | None
    checksum: str | None
    created_at: datetime
    expires_at: datetime
