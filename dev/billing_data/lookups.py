"""The rows of the lookup tables, and what is typical of each use type."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

MISSING_ID: Final = 99
"""An ID that no lookup table has: a row that points to it has no name for the thing."""

# One factor per calendar month, January first. Schools rest from mid-March to mid-May and in October; the hot months
# are March to May; in April, over Songkran, factories and offices close.
_FLAT: Final = (1.0,) * 12
_HOUSEHOLD: Final = (0.92, 0.97, 1.12, 1.22, 1.15, 1.02, 0.98, 0.96, 0.95, 0.95, 0.93, 0.90)
_SCHOOL: Final = (1.05, 1.08, 0.62, 0.34, 0.71, 1.14, 1.12, 1.12, 1.04, 0.48, 1.06, 0.98)
_OFFICE: Final = (0.97, 1.00, 1.08, 0.93, 1.08, 1.05, 1.02, 1.00, 1.00, 0.98, 0.97, 0.90)
_FACTORY: Final = (0.98, 1.00, 1.05, 0.82, 1.04, 1.03, 1.02, 1.02, 1.01, 1.01, 1.00, 0.94)
_HOTEL: Final = (1.12, 1.05, 1.04, 1.24, 0.98, 0.86, 0.90, 0.92, 0.86, 0.98, 1.10, 1.24)


@dataclass(frozen=True, slots=True)
class UseType:
    """A use type with what is typical of it.

    ``share`` of the customers have it; ``median_m3`` a month, ``spread`` the sigma of its logarithm; ``season`` has a
    factor per calendar month.
    """

    id: int
    code: str
    name: str
    share: float
    median_m3: float
    spread: float
    season: tuple[float, ...] = _FLAT


USE_TYPES: Final = (
    UseType(1, "11", "สถานที่พักอาศัยของเอกชน", 0.34, 62, 0.65, _HOUSEHOLD),
    UseType(2, "14", "ศาสนสถาน มูลนิธิหรือองค์กรเพื่อการกุศล", 0.09, 95, 0.80, _HOUSEHOLD),
    UseType(3, "21", "ที่ทำการของหน่วยงานราชการ", 0.13, 190, 1.05, _OFFICE),
    UseType(4, "24", "สถานพยาบาลของรัฐ", 0.03, 900, 1.20, _OFFICE),
    UseType(5, "25", "สถานศึกษาของรัฐ", 0.11, 330, 1.00, _SCHOOL),
    UseType(6, "28", "ตลาด ศูนย์การค้า ห้างสรรพสินค้า", 0.05, 520, 1.15, _HOUSEHOLD),
    UseType(7, "29", "ธุรกิจขนาดเล็ก สำนักงานธุรกิจ", 0.16, 105, 0.95, _OFFICE),
    UseType(8, "31", "โรงแรม ที่พักเพื่อการค้า", 0.05, 430, 1.05, _HOTEL),
    UseType(9, "32", "การอุตสาหกรรม", 0.04, 1_100, 1.50, _FACTORY),
)
USE_TYPE_SHARES: Final = np.array([use.share for use in USE_TYPES])
SEASONS: Final = np.array([use.season for use in USE_TYPES])
"""Factors by use type and calendar month, shape (use types, 12)."""

TAIL_SHARE: Final = 0.015
"""The share of customers, of any use type, whose usage follows a Pareto tail instead: works, barracks, estates."""


@dataclass(frozen=True, slots=True)
class MeterSize:
    """A meter size: its name, its bore in inches, and the monthly m³ from which a customer gets it."""

    id: int
    name: str | None
    inch: str | None
    from_m3: float


METER_SIZES: Final = (
    MeterSize(1, "1/2", "0.500", 0),
    MeterSize(2, "3/4", "0.750", 60),
    MeterSize(3, "1", "1.000", 150),
    MeterSize(4, "1 1/2", "1.500", 450),
    MeterSize(5, "2", "2.000", 1_000),
    MeterSize(6, "3", "3.000", 2_500),
    MeterSize(7, "4", "4.000", 6_000),
    MeterSize(8, "6", "6.000", 15_000),
    MeterSize(9, "8", "8.000", 40_000),
)
SIZE_THRESHOLDS: Final = np.array([size.from_m3 for size in METER_SIZES[1:]], dtype=float)

METER_BRANDS: Final[tuple[tuple[int, str | None], ...]] = (
    (1, "อาซาฮี"),
    (2, "ไทยอาซิ, ไทยอิซิ"),
    (3, "TAC"),
    (4, "เค้นท์"),
    (5, "ยี่ห้อสมมติ"),
    (6, None),  # a brand that somebody entered and never named
)
METER_STATES: Final = (
    (1, "ปกติ"),
    (2, "มาตรฝ้ามัว"),
    (3, "มาตรไม่เดิน"),
    (4, "อ่านไม่ได้ ประตูปิด"),
)
NORMAL_STATE: Final = 1
STOPPED_STATE: Final = 3

UNIT_PREFIXES: Final = ("น.", "ม.")
"""A service unit's name starts with one of these: a service unit, a mother station."""
