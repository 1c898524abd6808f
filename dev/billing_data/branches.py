"""The branches that data can be made for: region 6 by its real codes and names, the others invented."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

_REGION_6: Final = {
    "1060": "ขอนแก่น(ชั้นพิเศษ)",
    "1061": "บ้านไผ่",
    "1062": "ชุมแพ",
    "1063": "น้ำพอง",
    "1064": "ชนบท",
    "1065": "กระนวน",
    "1066": "หนองเรือ",
    "1067": "เมืองพล",
    "1068": "กาฬสินธุ์",
    "1069": "กุฉินารายณ์",
    "1070": "สมเด็จ",
    "1071": "มหาสารคาม",
    "1072": "พยัคฆภูมิพิสัย",
    "1073": "ชัยภูมิ",
    "1074": "แก้งคร้อ",
    "1075": "จัตุรัส",
    "1076": "หนองบัวแดง",
    "1077": "ภูเขียว",
    "1133": "ร้อยเอ็ด",
    "1134": "โพนทอง",
    "1135": "สุวรรณภูมิ",
    "1245": "บำเหน็จณรงค์",
}
_AUTHORITY_SIZE: Final = 234
_REGION_SIZE: Final = 24


@dataclass(frozen=True, slots=True)
class Branch:
    """A branch: its 4-digit code, its name and what is odd about it.

    A small branch has fewer than 200 customers, a dry one fewer than 200 that use water. Customers move here from
    ``neighbour_before`` and away to ``neighbour_after`` (codes).
    """

    code: str
    name: str
    neighbour_before: str
    neighbour_after: str
    is_small: bool = False
    is_dry: bool = False

    @property
    def short_name(self) -> str:
        """The name without the words that every branch's name starts with."""
        return self.name.removeprefix("กปภ.สาขา")


def _regions() -> list[dict[str, str]]:
    invented = [str(code) for code in range(1000, 1300) if str(code) not in _REGION_6]
    invented = invented[: _AUTHORITY_SIZE - len(_REGION_6)]
    others = [invented[start : start + _REGION_SIZE] for start in range(0, len(invented), _REGION_SIZE)]
    return [_REGION_6, *({code: f"ตัวอย่าง {code}" for code in region} for region in others)]


def _all_branches() -> tuple[Branch, ...]:
    branches = []
    for region in _regions():
        codes = list(region)
        for place, code in enumerate(codes):
            branches.append(
                Branch(
                    code,
                    f"กปภ.สาขา{region[code]}",
                    neighbour_before=codes[place - 1],
                    neighbour_after=codes[(place + 1) % len(codes)],
                    # By code, not by place in the chosen list: a branch's bytes are the same in every set.
                    is_small=int(code) % 40 == 24,
                    is_dry=int(code) % 40 == 5,
                )
            )
    return tuple(branches)


ALL_BRANCHES: Final = _all_branches()
"""All 234 branches of the Authority: region 6 first, then the invented ones by code."""

BY_CODE: Final = {branch.code: branch for branch in ALL_BRANCHES}
