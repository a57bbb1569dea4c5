//! The sample equipment library: figures of ordinary equipment, of no maker in particular.

use optics::equipment::{
    AmplifierType, Equalisation, Equipment, FibreType, Mode, NoiseModel, RoadmType, SpanRules,
    SpectralInformation, TransceiverType,
};

/// Two fibres (ITU-T G.652 and G.655), three amplifiers, a ROADM and two transceivers in the C band.
pub fn equipment() -> Equipment {
    Equipment {
        fibres: vec![fibre("G.652", 1.67e-5, 83e-12), fibre("G.655", 0.45e-5, 70e-12)],
        raman_fibres: Vec::new(),
        amplifiers: vec![
            amplifier("edfa low gain", [9.0, 17.0], [6.4, 10.6]),
            amplifier("edfa medium gain", [15.0, 25.0], [5.9, 9.7]),
            amplifier("edfa high gain", [24.0, 34.0], [5.5, 7.0]),
        ],
        multiband_amplifiers: Vec::new(),
        roadms: vec![RoadmType {
            name: "default".to_owned(),
            equalisation: Equalisation::PowerDbm(-20.0),
            add_drop_osnr_db: 38.0,
            pmd_s: 0.3e-12,
            pdl_db: 0.5,
            preamp_types: Vec::new(),
            booster_types: Vec::new(),
            profiles: Vec::new(),
        }],
        transceivers: vec![
            transceiver(
                "regional",
                [
                    mode("100G DP-QPSK", 31.6e9, 100e9, 12.5, 50e9, 1.0),
                    mode("200G DP-16QAM", 31.6e9, 200e9, 20.0, 50e9, 1.0),
                ],
            ),
            transceiver(
                "long haul",
                [
                    mode("200G DP-QPSK", 63.1e9, 200e9, 15.5, 87.5e9, 1.6),
                    mode("400G DP-16QAM", 63.1e9, 400e9, 23.5, 87.5e9, 1.6),
                ],
            ),
        ],
        span_rules: SpanRules {
            delta_power_range_db: [-2.0, 3.0, 0.5],
            end_of_life_db: 0.0,
            connector_in_db: 0.25,
            connector_out_db: 0.25,
            ..SpanRules::default()
        },
        spectral: vec![SpectralInformation {
            f_min_hz: 191.3e12,
            f_max_hz: 196.1e12,
            baud_rate: 31.6e9,
            spacing_hz: 50e9,
            tx_osnr_db: 40.0,
            tx_power_dbm: Some(0.0),
            system_margins_db: 2.0,
            use_si_channel_count_for_design: true,
            ..SpectralInformation::default()
        }],
    }
}

fn fibre(name: &str, dispersion_s_per_m2: f64, effective_area_m2: f64) -> FibreType {
    FibreType {
        name: name.to_owned(),
        dispersion_s_per_m2,
        effective_area_m2: Some(effective_area_m2),
        gamma_per_w_m: None,
        pmd_s_per_sqrt_m: 1.3e-15,
        raman_efficiency: None,
    }
}

fn amplifier(name: &str, gain_db: [f64; 2], nf_db: [f64; 2]) -> AmplifierType {
    AmplifierType {
        name: name.to_owned(),
        f_min_hz: 191.25e12,
        f_max_hz: 196.15e12,
        gain_min_db: gain_db[0],
        gain_flatmax_db: gain_db[1],
        p_max_dbm: 22.0,
        noise: NoiseModel::VariableGain { nf_min_db: nf_db[0], nf_max_db: nf_db[1] },
        tables: optics::equipment::amplifier::AmplifierTables::default(),
        pmd_s: 0.0,
        pdl_db: 0.0,
        raman: false,
        allowed_for_design: true,
        out_voa_auto: false,
    }
}

fn transceiver(name: &str, modes: [Mode; 2]) -> TransceiverType {
    TransceiverType { name: name.to_owned(), f_min_hz: 191.3e12, f_max_hz: 196.1e12, modes: modes.into() }
}

fn mode(name: &str, baud_rate: f64, bit_rate: f64, gsnr_db: f64, min_spacing_hz: f64, cost: f64) -> Mode {
    Mode {
        name: name.to_owned(),
        baud_rate,
        bit_rate,
        required_gsnr_db_01nm: gsnr_db,
        roll_off: 0.15,
        tx_osnr_db: 38.0,
        min_spacing_hz,
        cost,
        equalisation_offset_db: 0.0,
        penalties: Vec::new(),
    }
}
