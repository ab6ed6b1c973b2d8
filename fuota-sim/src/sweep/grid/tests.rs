//! Grids: what they mean, and what is said of mistakes.

use super::*;

fn parse(text: &str) -> Result<Grid, String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/some.toml");
    Grid::parse(text, &path).map_err(|error| error.to_string().replace(&*path.to_string_lossy(), "some.toml"))
}

/// The documented example says what it means.
#[test]
fn the_documented_example_is_read() {
    let (_, example) = include_str!("format.md").split_once("```toml\n").unwrap();
    let (example, _) = example.split_once("```").unwrap();
    let grid = parse(example).unwrap();
    let axes: Vec<_> = grid.axes.iter().map(|axis| (axis.name.as_str(), axis.texts().join(" "))).collect();
    assert_eq!(
        axes,
        [
            ("radio.dr", "0 5".into()),
            ("campaign.redundancy", "5 10 15 20 25 30".into()),
            ("devices.downlink.loss", "0.0 0.1 0.2".into()),
            ("agent.msg_retries", "3 5".to_owned()),
        ]
    );
    assert_eq!((grid.cells(), grid.seeds().len()), (2 * 6 * 3 * 2, 30));
    assert_eq!(grid.plot.x.as_deref(), Some("campaign.redundancy"));
}

#[test]
fn the_last_parameter_changes_from_cell_to_cell() {
    let grid = parse("[grid]\nradio.dr = [0, 5]\ncampaign.image_size = [100, 200, 300]").unwrap();
    let cell = |number| grid.cell(number).unwrap().unwrap().file.unwrap().scenario;
    let both: Vec<_> = (0..6).map(|n| (cell(n).data_rate.get(), cell(n).image.len())).collect();
    assert_eq!(both, [(0, 100), (0, 200), (0, 300), (5, 100), (5, 200), (5, 300)]);
    assert!(grid.cell(6).unwrap().is_none());
}

#[test]
fn the_scenario_may_stand_in_the_grid_or_there_may_be_several() {
    let inline = "[base.campaign]\nimage_size = 77\n[base.agent]\nmsg_retries = 9\n[grid]\nradio.dr = [3]";
    let scenario = parse(inline).unwrap().cell(0).unwrap().unwrap().file.unwrap().scenario;
    assert_eq!((scenario.image.len(), scenario.config.msg_retries, scenario.data_rate.get()), (77, 9, 3));
    let grid = parse("scenario = [\"iid-loss.toml\", \"reboot.toml\"]\nseeds = [4, 2]").unwrap();
    let names: Vec<_> = (0..2).map(|n| grid.cell(n).unwrap().unwrap().name).collect();
    assert_eq!((names, grid.seeds()), (vec!["iid-loss".to_owned(), "reboot".into()], &[4, 2][..]));
}

#[test]
fn ranges_of_decimals_end_where_they_say() {
    let grid = parse("[grid]\ndevices.downlink.loss = { from = 0.1, to = 0.3, step = 0.1 }").unwrap();
    assert_eq!(grid.axes[0].texts(), ["0.1", "0.2", "0.3"]);
}

#[test]
fn every_mistake_is_told_with_its_line_and_what_would_be_right() {
    for (text, line, part) in [
        ("sead = 1", 1, "unknown field `sead`, expected one of"),
        ("\n[grid]", 2, "an empty grid: a parameter with values is expected"),
        ("[grid]\nradio.drr = [1]", 2, "radio.drr: unknown field `drr`, expected one of `region`"),
        ("[grid]\nradoi.dr = [1]", 2, "unknown field `radoi`"),
        ("[grid]\nradio.dr = [1,\n16]", 3, "a data rate from 0 to 15 is expected, not 16"),
        ("[grid]\nradio.dr = []", 2, "`radio.dr` has no values"),
        ("[grid]\nradio.dr = 5", 2, "a list of values is expected"),
        ("[grid]\nradio.dr = [5, 3,\n5]", 3, "takes this value before"),
        ("[grid]\nagent.msg_retrys = [1]", 2, "did you mean `msg_retries`?"),
        ("[grid]\nagent.msg_retries = [1, -1]", 2, "`msg_retries` must be"),
        ("[grid]\n\nseed = [1]", 3, "seeds stand beside the grid"),
        ("[grid]\nname = [\"a\"]", 2, "a path such as radio.dr"),
        ("[grid]\nradio.dr.x = [1]", 2, "radio.dr.x"),
        ("[grid]\nradio.dr = { from = 5, to = 3, step = 1 }", 2, "`to` not less than `from`"),
        ("[grid]\nradio.dr = { from = 5, to = 6 }", 2, "missing field `step`"),
        ("[grid]\nradio.dr = { from = 0.0, to = 1.0, step = 0.0 }", 2, "`step` above 0"),
        ("seeds = 0", 1, "a number of seeds above 0"),
        ("seeds = [1, 1]", 1, "different seeds"),
        ("seeds = \"many\"", 1, "a number of seeds above 0"),
        ("seeds = 5000001\n[grid]\nradio.dr = [0, 5]", 1, "at most 10000000 runs"),
        ("scenario = []", 1, "no scenario"),
        ("scenario = 3", 1, "the path of a scenario is expected"),
        ("scenario = [\"iid-loss.toml\", \"./iid-loss.toml\"]", 1, "two scenarios are called iid-loss"),
        ("scenario = \"iid-loss.toml\"\n[base]", 1, "either `scenario` or `[base]`"),
        ("[base.radio]\ndr = 16", 2, "a data rate from 0 to 15"),
        ("[base.agent]\nmsg_retries = 5\nmsg_retrys = 3", 3, "did you mean `msg_retries`?"),
        (
            "[base.campaign]\nparity = 3\n[grid]\ncampaign.redundancy = [5]",
            4,
            "either `redundancy` or `parity`",
        ),
        ("[plot]\nx = \"radio.dr\"", 2, "unknown axis `radio.dr`"),
        (
            "[grid]\nradio.dr = [1]\n[plot]\ny = [\"beauty\"]",
            4,
            "unknown figure `beauty`, expected one of devices",
        ),
        ("[grid]\nradio.dr = [1]\n[plot]\nx = \"radio.dr\"\nseries = \"radio.dr\"", 5, "another axis"),
        ("[grid", 1, ""),
    ] {
        let error = parse(text).unwrap_err();
        assert!(error.starts_with(&format!("some.toml: line {line}: ")), "{text:?}: {error}");
        assert!(error.contains(part) && error.lines().count() == 1, "{text:?}: {error}");
    }
    assert!(parse("scenario = \"nowhere.toml\"").unwrap_err().starts_with("cannot read"));
}

#[test]
fn the_number_of_a_sweep_is_that_of_what_decides_its_rows() {
    let hash = |text: &str| parse(text).unwrap().hash().unwrap();
    let grid = "seeds = 3\n[grid]\nradio.dr = [0, 5]";
    assert_eq!(
        hash(grid),
        hash("name = 'other'\nseeds = [1, 2, 3]\ngrid = { radio.dr = [0, 5] }\nplot.x = 'radio.dr'")
    );
    for other in ["seeds = 4\n[grid]\nradio.dr = [0, 5]", "seeds = 3\n[grid]\nradio.dr = [5, 0]"] {
        assert_ne!(hash(grid), hash(other));
    }
    assert_ne!(hash(grid), hash(&format!("{grid}\n[base.campaign]\nparity = 3")));
    let cell = |grid: &str| parse(grid).unwrap().cell(1).unwrap().unwrap().hash;
    assert_eq!(cell(grid), cell("seeds = 9\n[grid]\nradio.dr = [3, 5]"));
}
