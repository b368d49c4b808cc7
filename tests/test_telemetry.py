import os
import subprocess
import sys
import time
from pathlib import Path

from openpersonalize import telemetry

COUNT = """
from openpersonalize import telemetry
telemetry.count_request("PutEvents", "OK", 0.01)
telemetry.count_job("training", "done", 1.5)
print(telemetry.exposition().decode())
"""


def test_calls_and_jobs_are_counted() -> None:
    telemetry.count_request("TestOnly", "OK", 0.003)
    telemetry.count_request("TestOnly", "OK", 0.3)
    telemetry.count_job("test", "failed", 2.5)
    text = telemetry.exposition().decode()
    assert 'openpersonalize_requests_total{code="OK",operation="TestOnly"} 2.0' in text
    assert 'openpersonalize_request_seconds_bucket{le="0.005",operation="TestOnly"} 1.0' in text
    assert 'openpersonalize_jobs_total{kind="test",outcome="failed"} 1.0' in text
    assert 'openpersonalize_job_seconds_total{kind="test"} 2.5' in text


def test_processes_that_share_a_folder_tell_their_sum(tmp_path: Path) -> None:
    environment = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}
    told = [
        subprocess.run(
            [sys.executable, "-c", COUNT], env=environment, check=True, capture_output=True, text=True
        ).stdout
        for _ in range(2)
    ]
    assert 'openpersonalize_requests_total{code="OK",operation="PutEvents"} 1.0' in told[0]
    assert 'openpersonalize_requests_total{code="OK",operation="PutEvents"} 2.0' in told[1]
    assert 'openpersonalize_request_seconds_count{operation="PutEvents"} 2.0' in told[1]
    assert 'openpersonalize_jobs_total{kind="training",outcome="done"} 2.0' in told[1]


def test_counting_costs_microseconds() -> None:
    telemetry.count_request("TestOnly", "OK", 0.003)
    started = time.process_time()
    for _ in range(1000):
        telemetry.count_request("TestOnly", "OK", 0.003)
    assert (time.process_time() - started) / 1000 < 50e-6
