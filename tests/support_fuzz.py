"""How much the property tests of the decoders try."""

from hypothesis import HealthCheck, settings

fuzz = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
