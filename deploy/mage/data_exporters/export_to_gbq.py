from mage.utils.batch_loader import run_block

if 'data_exporter' not in globals():
    from mage_ai.data_preparation.decorators import data_exporter


@data_exporter
def export_to_gbq(checked, *args, **kwargs):
    """Replaces the days in raw_orders by the accepted orders, in one statement."""
    return run_block('export_to_gbq', checked['run'])
