"""`python -m enamel_lib` is `enamel`."""


def main() -> None:
    """Run the command; Ctrl+C ends it quietly, even while it is being imported."""
    try:
        from enamel_lib.cli import app

        app.main()
    except KeyboardInterrupt:
        raise SystemExit(130) from None


if __name__ == "__main__":
    main()
