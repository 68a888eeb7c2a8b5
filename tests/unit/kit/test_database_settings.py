import pytest

from services.kit.database_settings import DatabaseSettings
from services.kit.errors import SettingsError

URL = "postgresql://frottis_lis@db.hospital.example:5432/frottis"


@pytest.fixture
def password(tmp_path):
    path = tmp_path / "password"
    path.write_text("correct horse battery\n")
    return path


def test_without_a_url_state_stays_in_the_state_folder():
    assert DatabaseSettings.load().url == ""


def test_a_password_comes_from_its_file(password):
    settings = DatabaseSettings.load(url=URL, password_file=password)
    assert settings.password() == "correct horse battery"
    assert "horse" not in repr(settings)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"url": "mysql://db/frottis"}, "must look like"),
        ({"url": "postgresql://db"}, "must look like"),
        ({"url": URL.replace("@", ":horse@")}, "must not hold a password"),
        ({"url": URL + "?sslmode=disable"}, "must end after the database"),
        ({"tls": "disable"}, "on this machine only"),
        ({"tls": "prefer"}, "FROTTIS_DATABASE_TLS"),
        ({"ca_file": "nowhere.pem"}, "nowhere.pem is no file"),
        ({"certificate_file": __file__}, "belong together"),
        ({"connections": 0}, "FROTTIS_DATABASE_CONNECTIONS"),
    ],
)
def test_what_cannot_work_is_refused_and_tells_no_secret(password, changes, told):
    with pytest.raises(SettingsError, match=told) as refused:
        DatabaseSettings.load(**{"url": URL, "password_file": password, **changes})
    assert "horse" not in str(refused.value)
    assert "horse" not in str(refused.value.__cause__)


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "localhost"])
def test_tls_may_be_disabled_on_the_same_machine(host):
    assert DatabaseSettings.load(url=f"postgresql://{host}/frottis", tls="disable").tls == "disable"


@pytest.mark.parametrize("content", ["", " \n", "changeme", "Password", "${PASSWORD}", "<password>", "{{ password }}"])
def test_a_placeholder_is_no_password(password, content):
    password.write_text(content)
    with pytest.raises(SettingsError, match="placeholder of a template"):
        DatabaseSettings.load(url=URL, password_file=password)


def test_a_password_file_that_is_away_is_told(tmp_path):
    with pytest.raises(SettingsError, match="password_file cannot be read: No such file"):
        DatabaseSettings.load(url=URL, password_file=tmp_path / "nothing")


def test_an_unknown_setting_is_refused(monkeypatch):
    monkeypatch.setenv("FROTTIS_DATABASE_PASSWORD", "horse")
    with pytest.raises(SettingsError, match="unknown setting FROTTIS_DATABASE_PASSWORD") as refused:
        DatabaseSettings.load()
    assert "horse" not in str(refused.value)
