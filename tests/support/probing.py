"""An endpoint in the test's own process whose clock, replies and faults are turned by hand, and a probe of it.

Both run on one FakeTime: five minutes of probing take as long as their requests do.
"""

from __future__ import annotations

import asyncio
import json
import random
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email.utils import formatdate

import numpy  # noqa
