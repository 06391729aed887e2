from mage.utils.batch_loader import run_block

if 'transformer' not in globals():
    from mage_ai.data_preparation.decorators import transformer


@transformer
def quality_checks(generated, *args, **kwargs):
    """Evaluates the rules. Rejected orders become rows of dead_letters; too many of them fail the run."""
    return run_block('quality_checks', generated['run'])
