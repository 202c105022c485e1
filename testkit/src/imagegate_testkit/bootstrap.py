"""Envoy's configuration: that of envoy/envoy.yaml, with what a test gate needs."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import policy

#: The header in which a request asks codex-sim for faults.
FAULT_HEADER = "x-codex-sim-fault"
#: Where the filter chain keeps its value, since the filter replaces all headers of a request.
_FAULT_STATE = "imagegate_testkit.fault"
#: The path of the simulator's counters, and of everything else that is not the Images API.
_UPSTREAM_PATH = "/testkit/upstream"
_LAUNCHER_PREFIX = "/testkit/"

_API = "type.googleapis.com/envoy.extensions"


@dataclass(frozen=True)
class Address:
    """Where a server listens."""

    host: str
    port: int

    def as_envoy(self) -> dict[str, Any]:
        """The address as Envoy's configuration has it."""
        address: dict[str, Any] = {"address": self.host, "port_value": self.port}
        if self.host == "::":
            # All addresses, also those of IPv4, as for other servers.
            address["ipv4_compat"] = True
        return {"socket_address": address}


def bootstrap(
    data: Path, listen: Address, simulator: Address, launcher: Address, timeout: str
) -> str:
    """The configuration as text. `timeout` is that of a call to the simulator."""
    config = json.loads((data / "envoy.json").read_text())
    # A gate in a test has no use for it, and it would need a port.
    del config["admin"]
    resources = config["static_resources"]
    (listener,) = resources["listeners"]
    listener["address"] = listen.as_envoy()
    # With it a second gate could take the same port, and get half of the connections.
    listener["enable_reuse_port"] = False
    _edit_manager(listener["filter_chains"][0]["filters"][0]["typed_config"], data, timeout)
    resources["clusters"] = [_cluster("codex", simulator), _cluster("testkit", launcher)]
    return json.dumps(config)


def _edit_manager(manager: dict[str, Any], data: Path, timeout: str) -> None:
    (host,) = manager["route_config"]["virtual_hosts"]
    images = host["routes"][0]
    images["request_headers_to_add"] = [
        {"header": {"key": FAULT_HEADER, "value": f"%FILTER_STATE({_FAULT_STATE}:PLAIN)%"}}
    ]
    host["routes"] = [*_own_routes(), *host["routes"]]
    manager["access_log"] = _access_log()
    # A line at the start of a request to the ledger comes after all records before it.
    manager["access_log_options"] = {"flush_access_log_on_new_request": True}
    filters = manager["http_filters"]
    wasm = next(it for it in filters if it["name"] == "imagegate")["typed_config"]["config"]
    wasm["vm_config"]["code"]["local"]["filename"] = str(data / "imagegate.wasm")
    base = json.loads(wasm["configuration"]["value"])
    wasm["configuration"]["value"] = json.dumps(policy.filter_config(base, timeout))
    filters.insert(0, _keep_fault())


def _own_routes() -> list[dict[str, Any]]:
    """Routes to the launcher, and to the simulator's counters."""
    return [
        {
            "match": {"path": _UPSTREAM_PATH},
            "route": {"cluster": "codex", "prefix_rewrite": "/stats"},
        },
        {"match": {"prefix": _LAUNCHER_PREFIX}, "route": {"cluster": "testkit"}},
    ]


def _keep_fault() -> dict[str, Any]:
    """A filter that keeps the header of the client until the request goes upstream."""
    text = {
        "text_format_source": {"inline_string": f"%REQ({FAULT_HEADER})%"},
        "omit_empty_values": True,
    }
    value = {
        "object_key": _FAULT_STATE,
        "factory_key": "envoy.string",
        "format_string": text,
        "skip_if_empty": True,
    }
    return {
        "name": "keep-fault",
        "typed_config": {
            "@type": f"{_API}.filters.http.set_filter_state.v3.Config",
            "on_request_headers": [value],
        },
    }


def _access_log() -> list[dict[str, Any]]:
    """Lines of JSON on standard output: the usage records, and marks between them."""
    with_usage = {
        "@type": f"{_API}.access_loggers.filters.cel.v3.ExpressionFilter",
        "expression": "'wasm.imagegate' in filter_state",
    }
    at_start = {
        "and_filter": {
            "filters": [
                {"log_type_filter": {"types": ["DownstreamStart"]}},
                {
                    "header_filter": {
                        "header": {"name": ":path", "string_match": {"prefix": _LAUNCHER_PREFIX}}
                    }
                },
            ]
        }
    }
    usage = {
        "text_format_source": {"inline_string": '{"usage":%FILTER_STATE(wasm.imagegate:PLAIN)%}\n'}
    }
    return [
        _to_stdout({"extension_filter": {"name": "with-usage", "typed_config": with_usage}}, usage),
        _to_stdout(at_start, {"json_format": {"mark": "%REQ(x-request-id)%"}}),
    ]


def _to_stdout(condition: dict[str, Any], log_format: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": "envoy.access_loggers.stdout",
        "filter": condition,
        "typed_config": {
            "@type": f"{_API}.access_loggers.stream.v3.StdoutAccessLog",
            "log_format": log_format,
        },
    }


def _cluster(name: str, address: Address) -> dict[str, Any]:
    endpoint = {"endpoint": {"address": address.as_envoy()}}
    return {
        "name": name,
        "connect_timeout": "5s",
        "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": [endpoint]}]},
    }
