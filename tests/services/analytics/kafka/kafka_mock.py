"""librdkafka's mock cluster, driven through its C interface: it proves what our clients do, not that a broker keeps."""

import ctypes
from pathlib import Path

import confluent_kafka

PRODUCE = 0
NOT_LEADER, TIMED_OUT, NOT_ENOUGH_REPLICAS = 6, 7, 19


def _library():
    folder = Path(confluent_kafka.__file__).parent.with_name("confluent_kafka.libs")
    found = ctypes.CDLL(str(next(folder.glob("librdkafka*.so*"))))
    pointer = ctypes.c_void_p
    found.rd_kafka_new.restype = pointer
    found.rd_kafka_new.argtypes = [ctypes.c_int, pointer, ctypes.c_char_p, ctypes.c_size_t]
    found.rd_kafka_mock_cluster_new.restype = pointer
    found.rd_kafka_mock_cluster_new.argtypes = [pointer, ctypes.c_int]
    found.rd_kafka_mock_cluster_bootstraps.restype = ctypes.c_char_p
    found.rd_kafka_mock_cluster_bootstraps.argtypes = [pointer]
    found.rd_kafka_mock_topic_create.argtypes = [pointer, ctypes.c_char_p, ctypes.c_int, ctypes.c_int]
    found.rd_kafka_mock_push_request_errors_array.argtypes = [
        pointer, ctypes.c_int16, ctypes.c_size_t, ctypes.POINTER(ctypes.c_int)
    ]  # fmt: skip
    for name in ("rd_kafka_mock_broker_set_down", "rd_kafka_mock_broker_set_up"):
        getattr(found, name).argtypes = [pointer, ctypes.c_int32]
    for name in ("rd_kafka_mock_cluster_destroy", "rd_kafka_destroy"):
        getattr(found, name).argtypes = [pointer]
        getattr(found, name).restype = None
    return found


class MockCluster:
    """Three brokers on loopback, gone at the end of the context."""

    def __init__(self, topic, partitions):
        self._library = _library()
        error = ctypes.create_string_buffer(512)
        self._client = self._library.rd_kafka_new(0, None, error, 512)
        assert self._client, error.value
        self._cluster = self._library.rd_kafka_mock_cluster_new(self._client, 3)
        self._library.rd_kafka_mock_topic_create(self._cluster, topic.encode(), partitions, 3)
        self.servers = self._library.rd_kafka_mock_cluster_bootstraps(self._cluster).decode()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._library.rd_kafka_mock_cluster_destroy(self._cluster)
        self._library.rd_kafka_destroy(self._client)

    def fail_produce(self, *codes):
        """The next requests to produce fail so."""
        self._library.rd_kafka_mock_push_request_errors_array(
            self._cluster, PRODUCE, len(codes), (ctypes.c_int * len(codes))(*codes)
        )

    def take_down(self, broker):
        self._library.rd_kafka_mock_broker_set_down(self._cluster, broker)

    def bring_up(self, broker):
        self._library.rd_kafka_mock_broker_set_up(self._cluster, broker)
