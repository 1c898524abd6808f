"""Thai names and addresses that nobody can take for a real person's: each says that it is an example."""

from __future__ import annotations

from typing import Final

import numpy as np

_TITLES: Final = ("นาย", "นาง", "นางสาว")
_GIVEN: Final = ("สมมติ", "ตัวอย่าง", "จำลอง", "ทดสอบ", "ทดลอง", "สาธิต", "นามแฝง", "ไม่มีจริง")
_FAMILY: Final = ("ใจสมมติ", "ศรีตัวอย่าง", "แสนจำลอง", "ทองทดสอบ", "วงศ์ทดลอง", "บุญสาธิต", "นามไม่จริง")
_PLACES: Final = ("ตัวอย่าง", "สมมติ", "จำลอง", "ทดสอบ", "สาธิต")

_BODIES: Final = {
    "14": ("วัด{place}วนาราม {number}", "มูลนิธิ{place}การกุศล {number}"),
    "21": ("ที่ว่าการอำเภอ{place} {number}", "สำนักงาน{place}จังหวัด {number}", "สถานีตำรวจ{place} {number}"),
    "24": ("โรงพยาบาล{place} {number}", "โรงพยาบาลส่งเสริมสุขภาพตำบล{place} {number}"),
    "25": ("โรงเรียนบ้าน{place}วิทยา {number}", "วิทยาลัย{place} {number}"),
    "28": ("ตลาดสด{place} {number}", "ห้าง{place}พลาซ่า {number}"),
    "29": ("ร้าน{place}พาณิชย์ {number}", "หจก.{place}การช่าง {number}"),
    "31": ("โรงแรม{place}แกรนด์ {number}", "หอพัก{place} {number}"),
    "32": ("บจก.{place}อุตสาหกรรม {number}", "โรงน้ำแข็ง{place} {number}"),
}


def invent_names(use_codes: list[str], rng: np.random.Generator) -> list[str]:
    """Return a name for each customer, fit for its use type (2-digit code)."""
    picks = rng.integers(0, 1 << 30, size=(len(use_codes), 4)).tolist()
    names = []
    for number, (use, (a, b, c, d)) in enumerate(zip(use_codes, picks, strict=True), start=1):
        forms = _BODIES.get(use)
        if forms is None:
            title, given, family = _TITLES[a % len(_TITLES)], _GIVEN[b % len(_GIVEN)], _FAMILY[c % len(_FAMILY)]
            names.append(f"{title}{given} {family}{number}")
        else:
            names.append(forms[a % len(forms)].format(place=_PLACES[b % len(_PLACES)], number=1 + d % 999))
    return names


def invent_addresses(count: int, rng: np.random.Generator) -> list[str]:
    """Return that many addresses, in places that do not exist."""
    picks = rng.integers(0, 1 << 30, size=(count, 5)).tolist()
    size = len(_PLACES)
    return [
        f"{1 + a % 998}/{1 + b % 99} หมู่ {1 + c % 18} ต.{_PLACES[d % size]} อ.{_PLACES[(d + 1 + e) % size]} จ.ไม่มีจริง"
        for a, b, c, d, e in picks
    ]


def invent_meter_numbers(branch_code: str, serials: list[int], rng: np.random.Generator) -> list[str]:
    """Return a meter number per serial (unique in the branch): digits, leading zeros, a branch's prefix, letters."""
    forms = rng.choice(5, size=len(serials), p=(0.45, 0.12, 0.18, 0.13, 0.12)).tolist()
    digits = rng.integers(10, 100, size=len(serials)).tolist()
    numbers = []
    for serial, form, lead in zip(serials, forms, digits, strict=True):
        match form:
            case 0:
                numbers.append(f"{lead}{branch_code}{serial:05d}")
            case 1:
                numbers.append(f"{serial:06d}")
            case 2:
                numbers.append(f"{branch_code}-60{lead}{serial:06d}")
            case 3:
                numbers.append(f"64{lead}{branch_code}{serial:05d}JWS")
            case _:
                numbers.append(f"LXLG{serial:05d}")
    return numbers
