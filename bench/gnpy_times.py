"""Processor time GNPy takes for the cases of `make bench-physics`; writes them as JSON, in the units of their keys."""

import argparse
import json
import logging
import time
from copy import deepcopy
from importlib.metadata import version
from pathlib import Path

from gnpy.core.network import add_missing_elements_in_network, design_network
from gnpy.core.utils import dbm2watt
from gnpy.tools.json_io import load_equipment, network_from_json
from gnpy.topology.request import PathRequest
from gnpy.topology.request import propagate as gnpy_propagate
from gnpy.tools.worker_utils import planning

REQUESTS = 40


def best(repetitions, call):
    """The least processor time of a call, in seconds: what it takes undisturbed."""
    times = []
    for _ in range(repetitions):
        start = time.process_time()
        call()
        times.append(time.process_time() - start)
    return min(times)


def reference(equipment):
    """The channel lines are designed for."""
    si = equipment['SI']['default']
    count = int((si.f_max - si.f_min) // si.spacing) if si.use_si_channel_count_for_design else None
    return PathRequest(request_id='reference', source=None, destination=None, bidir=False, trx_type='', trx_mode='',
                       nodes_list=[], loose_list=[], spacing=si.spacing, power=dbm2watt(si.power_dbm),
                       tx_power=dbm2watt(si.power_dbm if si.tx_power_dbm is None else si.tx_power_dbm),
                       nb_channel=count, f_min=si.f_min, f_max=si.f_max, baud_rate=si.baud_rate, format='',
                       path_bandwidth=0, effective_freq_slot=None, OSNR=None, bit_rate=None, roll_off=si.roll_off,
                       tx_osnr=si.tx_osnr, min_spacing=None, cost=None, penalties={}, offset_db=0)


def designed(topology, equipment):
    network = network_from_json(deepcopy(topology), equipment)
    start = time.process_time()
    add_missing_elements_in_network(network, equipment)
    design_network(reference(equipment), network, equipment, set_connector_losses=True, verbose=False)
    return network, time.process_time() - start


def line(spans):
    """A number of equal spans between two ROADMs, as in optics/tests/lines."""
    elements, names = [], []

    def add(uid, **rest):
        elements.append({'uid': uid, 'metadata': {'location': {}}, **rest})
        names.append(uid)

    def amplifier(uid, gain):
        add(uid, type='Edfa', type_variety='std_medium_gain',
            operational={'gain_target': gain, 'delta_p': 0, 'tilt_target': 0, 'out_voa': 0})

    add('source', type='Transceiver')
    add('first roadm', type='Roadm')
    amplifier('booster', 20)
    for span in range(spans):
        add(f'fibre {span}', type='Fiber', type_variety='SSMF',
            params={'length': 80, 'length_units': 'km', 'loss_coef': 0.2, 'con_in': 0.5, 'con_out': 0.5})
        amplifier(f'amplifier {span}', 17)
    add('last roadm', type='Roadm')
    add('destination', type='Transceiver')
    connections = [{'from_node': a, 'to_node': b} for a, b in zip(names, names[1:])]
    return {'elements': elements, 'connections': connections}, names


def propagate(spans, equipment):
    """One comb of 96 channels over a line; the line is as designed before each run."""
    topology, names = line(spans)
    network = network_from_json(topology, equipment)
    design_network(reference(equipment), network, equipment, set_connector_losses=True, verbose=False)
    nodes = {node.uid: node for node in network.nodes()}
    path = [nodes[name] for name in names]

    comb = reference(equipment)
    comb.f_min, comb.f_max = 191.275e12, 191.275e12 + 96 * 50e9
    comb.nb_channel = 96
    comb.initial_spectrum = None
    comb.offset_db = 0
    start_gains = {node: node.effective_gain for node in path if hasattr(node, 'effective_gain')}

    def run():
        for node, gain in start_gains.items():
            node.effective_gain = gain
        light = gnpy_propagate(path, comb, equipment)
        assert light.number_of_channels == 96

    return best(15, run)


def requests(network, equipment):
    """The requests of optics/benches/physics.rs: a plain one between far sites, in the mean."""
    ends = sorted(node.uid for node in network.nodes() if type(node).__name__ == 'Transceiver')
    name, transceiver = next(iter(equipment['Transceiver'].items()))
    mode = transceiver.mode[0]
    services = {'path-request': [
        {'request-id': str(i), 'source': ends[i % len(ends)], 'destination': ends[(i + len(ends) // 2) % len(ends)],
         'src-tp-id': ends[i % len(ends)], 'dst-tp-id': ends[(i + len(ends) // 2) % len(ends)], 'bidirectional': False,
         'path-constraints': {'te-bandwidth': {
             'technology': 'flexi-grid', 'trx_type': name, 'trx_mode': mode['format'], 'spacing': 50e9,
             'effective-freq-slot': [{'N': None, 'M': None}], 'path_bandwidth': mode['bit_rate'],
             'max-nb-of-channel': None, 'output-power': None}}} for i in range(REQUESTS)]}
    start = time.process_time()
    planning(network, equipment, services)
    return (time.process_time() - start) / REQUESTS


def main():
    logging.disable(logging.CRITICAL)
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--data', type=Path, required=True)
    parser.add_argument('--output', type=Path, required=True)
    arguments = parser.parse_args()
    folder = arguments.data / 'gnpy'
    import gnpy
    library = Path(gnpy.__file__).parent / 'example-data' / 'eqpt_config.json'
    equipment = load_equipment(library)
    times = {'version': version('gnpy')}
    for key, spans in (('propagate_10_spans_us', 10), ('propagate_30_spans_us', 30)):
        times[key] = propagate(spans, equipment) * 1e6
    for key, file in (('design_conus_ms', 'CORONET_CONUS_Topology.json'),
                      ('design_global_ms', 'CORONET_Global_Topology.json')):
        path = folder / file
        if not path.exists():
            continue
        topology = json.loads(path.read_text())
        runs = [designed(topology, equipment) for _ in range(3)]
        times[key] = min(seconds for _, seconds in runs) * 1e3
        if key == 'design_conus_ms':
            times['request_conus_ms'] = requests(runs[-1][0], equipment) * 1e3
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    arguments.output.write_text(json.dumps(times, indent=2) + '\n')
    print(json.dumps(times, indent=2))


if __name__ == '__main__':
    main()
