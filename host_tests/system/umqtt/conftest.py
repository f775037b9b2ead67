"""Fixtures of the tests of the shape: the ways in which a program runs, and what TLS needs."""

import pytest

from host_tests.system.umqtt.runner import DEVICES, WAYS, Runner, TlsFiles


@pytest.fixture(params=WAYS, ids=str)
def way(request, tmp_path, monkeypatch):
    """Runner with umqtt.simple itself, then with hublink on each interpreter."""
    return Runner(request.param, tmp_path, monkeypatch)


@pytest.fixture(params=DEVICES, ids=str)
def device(request, tmp_path, monkeypatch):
    """Runner with hublink on each interpreter."""
    return Runner(request.param, tmp_path, monkeypatch)


@pytest.fixture(scope="session")
def tls_files(tmp_path_factory):
    return TlsFiles(tmp_path_factory.mktemp("pki"))
