"""Make Airflow's first user, the roles' right to see plugins, the connections and the pool; run at each start.

A user that exists keeps everything but the password, which follows ``.env``.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping

from include.bigmeter.cli.upkeep import airflow_connections, apply_connections
from include.bigmeter.errors import ConfigError
from include.bigmeter.settings import ScheduleSettings

ADMIN_ROLE = "Admin"
# Without it they see neither the page nor its tabs: Airflow's menu asks for the plugins.
_ROLES_THAT_SEE_PLUGINS = ("Viewer", "User")


def ensure_users(user: str, password: str) -> None:
    """Make the administrator, or give it this password, and let every role see the plugins.

    :raises ConfigError: if the password is missing or Airflow refuses.
    """
    if not password:
        raise ConfigError("ADMIN_PASSWORD: not set; write the password of Airflow's first user into .env")
    from airflow.providers.fab.auth_manager.cli_commands.utils import get_application_builder  # noqa: PLC0415

    with get_application_builder() as builder:
        manager = builder.sm
        found = manager.find_user(username=user)
        if found:
            is_done = manager.reset_password(found.id, password)
        else:
            role = manager.find_role(ADMIN_ROLE)
            is_done = bool(manager.add_user(user, user, user, f"{user}@localhost", role, password))
        if not is_done:
            raise ConfigError(f"ADMIN_USER: Airflow did not take the user {user!r}; see its message above")
        for name in _ROLES_THAT_SEE_PLUGINS:
            permission = manager.create_permission("can_read", "Plugins")
            manager.add_permission_to_role(manager.find_role(name), permission)


def ensure_pool(name: str, slots: int) -> None:
    """Make the pool that the branches run in, unless it is there: a pool that does not exist holds tasks for ever."""
    from airflow.models.pool import Pool  # noqa: PLC0415  after the settings above are known to be good

    if Pool.get_pool(name) is None:
        Pool.create_or_update_pool(name, slots, "Branches that read Oracle at once", include_deferred=False)


def main(environment: Mapping[str, str]) -> int:
    """Prepare Airflow; return an exit status."""
    try:
        wanted = airflow_connections(environment)
        schedule = ScheduleSettings.from_environment(environment)
        ensure_users(environment.get("ADMIN_USER", "") or "admin", environment.get("ADMIN_PASSWORD", ""))
        apply_connections(wanted)
        if schedule.oracle_pool:
            ensure_pool(schedule.oracle_pool, schedule.sync_concurrency)
    except ConfigError as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    sys.stdout.write(f"Airflow: first user, rights, connections {', '.join(wanted)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(os.environ))
