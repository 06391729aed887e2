from mage.utils import generator

if 'custom' not in globals():
    from mage_ai.data_preparation.decorators import custom


@custom
def report_stream(stream, *args, **kwargs):
    """Waits until the generator has sent them, and reports it."""
    return generator.wait_for_end(stream)
