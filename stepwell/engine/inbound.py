"""What workers and callbacks tell about tasks, searched for secrets before it goes anywhere.

Rules that must stay true here:
- Where no execution has secrets, nothing is asked and nothing searched.
- What cannot be searched is not taken.
"""

from __future__ import annotations

from stepwell.engine.driver import Driver
from stepwell.engine.errors import CannotSeal
from stepwell.engine.secrets import Secrets
from stepwell.vault.errors import CannotOpen, VaultUnavailable
from stepwell.vault.pouch import Pouch


class Inbound:
    def __init__(self, driver: Driver, secrets: Secrets) -> None:
        self._driver = driver
        self._secrets = secrets

    async def json(self, key: int, text: str) -> str:
        """A JSON text told to the execution with this key, as it may be kept. Raises CannotSeal, StoreError."""
        pouch = await self._pouch(key)
        return text if pouch is None else pouch.sealed_json(text)

    async def text(self, key: int, text: str | None) -> str | None:
        """An error's name or cause told to the execution with this key, as it may be kept.

        Raises CannotSeal, StoreError.
        """
        pouch = None if text is None else await self._pouch(key)
        return text if pouch is None or text is None else pouch.sealed_text(text)

    async def _pouch(self, key: int) -> Pouch | None:
        if not self._secrets.used:
            return None
        try:
            brand = (await self._driver.look(key)).brand
            return None if brand is None else await self._secrets.pouch(brand)
        except KeyError:
            return None  # there is no such execution: nothing will be kept
        except (CannotOpen, VaultUnavailable) as error:
            raise CannotSeal(str(error)) from error
