"""The kernel's account of its clock: what each state means, and that the real call works on this machine."""

from __future__ import annotations

import math

import pytest

from proxy.clocks.kernel import (
    STA_NANO,
    STA_UNSYNC,
    TIME_ERROR,
    UNTOLD_S,
    KernelClock,
    KernelReading,
    interpret,
)
from proxy.clocks.system import SystemTime
from proxy.domain.ports import ClockUnavailable
from tests.support.fake_time import FakeTime

STA_PLL = 0x0001
AT = 1_800_000_000.0


@pytest.mark.parametrize(
    ("reading", "offset_s", "bound_s"),
    [
        pytest.param(KernelReading(0, STA_NANO, 0, 12_345, 100), 0.0, 0.012345, id="chronyd"),
        pytest.param(
            KernelReading(0, STA_PLL | STA_NANO, 2_500_000, 40_000, 900),
            -0.0025,
            0.0425,
            id="ntpd_host_behind",
        ),
        pytest.param(
            KernelReading(0, STA_PLL | STA_NANO, -2_500_000, 40_000, 900), 0.0025, 0.0425, id="host_ahead"
        ),
        pytest.param(KernelReading(0, STA_PLL, -2_500, 40_000, 900), 0.0025, 0.0425, id="microseconds"),
        pytest.param(KernelReading(1, STA_NANO, 0, 12_345, 100), 0.0, 0.012345, id="leap_second_pending"),
        pytest.param(
            KernelReading(0, STA_PLL | STA_NANO, 0, 16_500, 0), 0.0, 0.0165 + UNTOLD_S, id="timesyncd"
        ),
        pytest.param(
            KernelReading(0, 0, 0, 2_000, 16_000_000), 0.0, 0.002 + UNTOLD_S, id="estimate_never_written"
        ),
        pytest.param(
            KernelReading(0, STA_NANO, 0, 503, 0), 0.0, 0.000503, id="hardware_reference_below_1_us"
        ),
    ],
)
def test_a_synchronised_kernel(reading: KernelReading, offset_s: float, bound_s: float) -> None:
    offset = interpret(reading, AT)
    assert (offset.offset_s, offset.bound_s) == pytest.approx((offset_s, bound_s))
    assert offset.measured_at == AT


def test_no_offset_is_not_minus_zero() -> None:
    assert math.copysign(1.0, interpret(KernelReading(0, STA_NANO, 0, 1, 1), AT).offset_s) == 1.0


@pytest.mark.parametrize(
    ("reading", "message"),
    [
        pytest.param(
            KernelReading(TIME_ERROR, STA_UNSYNC, 0, 16_000_000, 16_000_000),
            "not synchronised.*rtcsync",
            id="fresh_boot",
        ),
        pytest.param(KernelReading(0, STA_UNSYNC | STA_NANO, 0, 900, 10), "status 0x2040", id="status_alone"),
        pytest.param(KernelReading(TIME_ERROR, STA_NANO, 0, 900, 10), "state 5", id="state_alone"),
        pytest.param(KernelReading(0, STA_NANO, 0, -1, 10), "nonsense", id="negative_error"),
    ],
)
def test_an_unsynchronised_kernel_is_unknown(reading: KernelReading, message: str) -> None:
    with pytest.raises(ClockUnavailable, match=message):
        interpret(reading, AT)


async def test_the_real_call_tells_an_offset_or_why_not() -> None:
    clock = KernelClock(time=SystemTime())
    try:
        offset = await clock.measure()
    except ClockUnavailable as error:
        assert "set [clock] ntp" in str(error)  # noqa: PT017 - either outcome is right, by the machine
    else:
        assert 0.0 < offset.bound_s < 60.0
        assert abs(offset.offset_s) <= offset.bound_s
    await clock.aclose()
    assert clock.source == "kernel"


def test_both_clocks_of_this_host_go_forward() -> None:
    time = SystemTime()
    assert time.mono() <= time.mono()
    assert time.wall() > AT - 10 * 365 * 86_400


def test_fake_time_steps_only_the_wall() -> None:
    time = FakeTime()
    wall, mono = time.wall(), time.mono()
    time.advance(2.0)
    time.step_wall(-5.0)
    assert (time.wall() - wall, time.mono() - mono) == (-3.0, 2.0)
