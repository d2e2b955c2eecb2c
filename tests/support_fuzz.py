"""How much the property tests of the decoders try: `FUZZ_EXAMPLES=5000 pytest …` for a long look."""

import os

from hypothesis import HealthCheck, settings

fuzz = settings(
    max_examples=int(os.environ.get("FUZZ_EXAMPLES", "150")),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
