"""What /openapi.json says of playback is what the routes answer."""

from services.playback.route_schemas import SESSIONS_SCHEMA
from services.playback.sessions.move_routes import HEARTBEAT, STOP, Heartbeat, Stop
from services.playback.sessions.session_json import streams_in_use
from tests.services.playback.sessions.test_session import session


def test_each_field_is_described():
    assert HEARTBEAT["properties"].keys() == set(Heartbeat.__struct_encode_fields__)
    assert STOP["properties"].keys() == set(Stop.__struct_encode_fields__)
    assert streams_in_use([session("a")])[0].keys() == SESSIONS_SCHEMA["items"]["properties"].keys()
