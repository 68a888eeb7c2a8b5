"""TLS on the lines of the LIS: each side proves who it is by a certificate (IHE ITI-19, Authenticate Node)."""

import ssl

from services.kit.errors import SettingsError
from services.lis.settings import LisSettings

OURS = "FROTTIS_LIS_CA_FILE, …_CERTIFICATE_FILE, …_KEY_FILE"


def towards_lis(settings: LisSettings) -> ssl.SSLContext | None:
    """For reports: the LIS is verified, by name too, and shown our certificate if we have one; None without TLS.

    Raises SettingsError when a file is not what it should be.
    """
    return _context(settings, ssl.Purpose.SERVER_AUTH) if settings.lis_tls else None


def for_orders(settings: LisSettings) -> ssl.SSLContext | None:
    """For orders: only who has a certificate of the authority is heard; None without TLS. Raises SettingsError."""
    if not settings.listen_tls:
        return None
    context = _context(settings, ssl.Purpose.CLIENT_AUTH)
    context.verify_mode = ssl.CERT_REQUIRED
    return context


def _context(settings: LisSettings, purpose: ssl.Purpose) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(purpose, cafile=settings.ca_file)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if settings.certificate_file is not None:
            context.load_cert_chain(settings.certificate_file, settings.key_file)
    except ssl.SSLError as error:
        raise SettingsError(f"a file of {OURS} is not as it should be: {error.reason}") from error
    except OSError as error:
        raise SettingsError(f"a file of {OURS} cannot be read: {error.strerror}") from error
    return context
