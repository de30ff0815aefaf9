"""``python -m creditsys.embedded_postgres start|stop [--if-idle]|status|url``."""

import sys

from creditsys.embedded_postgres import (
    EmbeddedPostgresError,
    database_url,
    default_place,
    ensure_running,
    is_running,
    stop,
)


def main(arguments: list[str]) -> int:
    """The small command line: ``start``, ``stop [--if-idle]``, ``status`` or ``url``."""
    command = arguments[0] if arguments else ""
    place = default_place()
    try:
        if command == "start":
            ensure_running(place)
            print(f"running: {database_url(place)}")
        elif command == "stop":
            stopped = stop(place, only_if_idle="--if-idle" in arguments)
            print("stopped" if stopped else "nothing to stop")
        elif command == "status":
            running = is_running(place)
            print(f"{'running' if running else 'stopped'}: data in {place.data_dir}")
            return 0 if running else 3
        elif command == "url":
            print(database_url(place))
        else:
            print("usage: python -m creditsys.embedded_postgres start|stop|status|url")
            return 2
    except EmbeddedPostgresError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
