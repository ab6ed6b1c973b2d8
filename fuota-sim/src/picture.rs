//! What all pictures share: a font that is built in, and colours.

use plotters::style::{FontStyle, RGBColor, register_font};

/// Colours that those with colour blindness can tell apart (Okabe and Ito).
pub(crate) const COLOURS: [RGBColor; 8] = [
    RGBColor(213, 94, 0),
    RGBColor(0, 114, 178),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(230, 159, 0),
    RGBColor(86, 180, 233),
    RGBColor(100, 100, 100),
    RGBColor(150, 120, 30),
];

/// Makes the built-in font the one that pictures are lettered with; no font of the system is needed.
///
/// # Errors
/// If it is unusable: a fault of this program.
pub(crate) fn use_built_in_font() -> Result<(), &'static str> {
    register_font("sans-serif", FontStyle::Normal, epaint_default_fonts::UBUNTU_LIGHT)
        .map_err(|_| "the built-in font is unusable")
}
