"""An OpenAI Images API for tests: real Envoy and imagegate, with a simulated upstream.

with Gate() as gate:
    client = OpenAI(base_url=gate.base_url, api_key=gate.key)
"""

from .bootstrap import FAULT_HEADER
from .gate import Gate
from .policy import KEYS

__all__ = ["FAULT_HEADER", "KEYS", "Gate"]
