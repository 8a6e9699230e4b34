"""From settings to a vault, and to what of the inputs is secret.

Rules that must stay true here:
- Keys come from one place: the environment, else AWS KMS where a key of it is named, else the file beside the database.
- A mark that cannot be understood stops the server before it opens anything.
"""

from __future__ import annotations

from collections.abc import Mapping

from stepwell.settings import VAULT_KEY_VARIABLE, Settings, SettingsError
from stepwell.store.open import store_file
from stepwell.store.protocol import Store
from stepwell.vault.key_file import KeyFile
from stepwell.vault.key_kms import KmsKeys
from stepwell.vault.keys import VariableKeys
from stepwell.vault.marks import MarkError, parse_marks
from stepwell.vault.vault import Vault


def make_vault(settings: Settings, environ: Mapping[str, str], store: Store) -> Vault:
    """What values are sealed with. Raises StoreError where the store has no name."""
    if keys := environ.get(VAULT_KEY_VARIABLE):
        return Vault(VariableKeys(VAULT_KEY_VARIABLE, keys))
    if settings.vault_kms_key is not None:
        return Vault(KmsKeys(settings.vault_kms_key, settings.region, store.vault))
    file = store_file(settings.store)
    return Vault() if file is None else Vault(KeyFile(file.with_name(f"{file.name}.key")))


def marks_by_machine(settings: Settings) -> Mapping[str, str]:
    """The marks of the setting `sensitive`, by the name of their machine, or `*` for all. Raises SettingsError."""
    found: dict[str, str] = {}
    for entry in settings.sensitive:
        machine, _, marks = entry.strip().partition(" ")
        try:
            parse_marks(marks)
        except MarkError as error:
            raise SettingsError(
                f"sensitive: {entry!r} cannot be used. {error} An entry is the name of a state machine, or * for all,"
                " and what is secret in its input, as in: Orders token customer.card"
            ) from error
        found[machine] = f"{found[machine]} {marks}" if machine in found else marks
    return found
