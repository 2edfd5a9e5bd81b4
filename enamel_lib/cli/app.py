"""The command line `enamel`: thin over the library, so that the notebooks and the shell do the same things."""

import errno
import os
from typing import Annotated

import typer

from enamel_lib import paths
from enamel_lib.cli import console, data, evolve, generator, maps, own
from enamel_lib.errors import EnamelError, check_choice

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="The open virtual indenter: hardness of tooth enamel from its crystal-orientation map.",
)

BACKENDS = ("tensorflow", "jax", "torch", "numpy", "openvino")  # that Keras has
READ_ONLY = (errno.EROFS, errno.EACCES, errno.EPERM)

for room in (data, maps, own, generator, evolve):
    app.add_typer(room.commands)


def main() -> None:
    """Run the command; errors that the user can mend become one line and exit code 2."""
    try:
        check_choice("KERAS_BACKEND", os.environ["KERAS_BACKEND"], BACKENDS)
        with console.claims:
            app()
    except OSError as error:
        where = f": {error.filename}" if error.filename else ""
        hint = (
            f"; ${paths.HOME_VARIABLE} names another folder for what is generated" if error.errno in READ_ONLY else ""
        )
        raise SystemExit(console.complain(f"{error.strerror or error}{where}{hint}")) from None
    except ImportError as error:
        raise SystemExit(console.complain(f"{error}; `make setup` installs all, $KERAS_BACKEND chooses")) from None
    except EnamelError as error:
        raise SystemExit(console.complain(str(error))) from None


@app.command()
def reproduce(
    numbers: Annotated[list[str] | None, typer.Argument(metavar="[NN]...", help="Notebooks; all if none.")] = None,
    profile: Annotated[str, typer.Option(help="quick, default or full.")] = "default",
) -> None:
    """Run the notebooks; figures and facts go to the profile's folder, executed copies to build/."""
    from enamel_lib.reproduce import notebooks, report

    jobs = notebooks.plan(profile, numbers)
    earlier = notebooks.earlier_minutes(profile)
    known = [earlier[job.notebook.stem] for job in jobs if job.notebook.stem in earlier]
    typer.echo(f"{len(jobs)} notebooks; {len(known)} of them took {sum(known):.0f} min before", err=True)
    if not (paths.PROCESSED / "simulated").exists():
        typer.echo("data are simulated first, unless data/raw has them: 200 MB in data/processed, 2 min", err=True)
    records = {}
    with console.progress() as bar:
        task = bar.add_task("", total=sum(job.cells for job in jobs))
        for done, job in enumerate(jobs, 1):
            bar.update(task, description=job.notebook.stem)
            record = notebooks.run(job, lambda: bar.advance(task))
            bar.update(task, completed=sum(job.cells for job in jobs[:done]))
            bar.console.print(
                f"{job.notebook.stem:24} {record['minutes']:5.1f} min  {record['status']}", markup=False, soft_wrap=True
            )
            records[job.notebook.stem] = record
            report.write_manifest(paths.BUILD / profile / "manifest.json", profile, records)
    failed = [stem for stem, record in records.items() if record["status"] != "done"]
    typer.echo(f"{len(jobs) - len(failed)} of {len(jobs)} notebooks ran; copies in {paths.BUILD / profile}")
    if failed:
        raise typer.Exit(1)


@app.command()
def doctor() -> None:
    """Show what is installed and works here, and how to get what is missing."""
    from enamel_lib.cli import doctor

    for what, there, detail in doctor.examine():
        typer.echo(f"{'ok' if there else 'missing':8} {what:20} {detail}")
