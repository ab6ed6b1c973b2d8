//! Messages of several packages, from commands as someone has written them.

use std::error::Error;

use fuota_proto::multi_package::v1::{
    DownlinkItem, MultiPackBufferFrag, SetWriter, Uplink, UplinkItem, Versions,
};
use fuota_proto::{Package, PackageId};

use super::packages::{Direction, NoSuch, Spelled, data, field, room};

pub(super) fn write(
    commands: &[Spelled],
    direction: Direction,
    with: Versions,
) -> Result<Vec<u8>, Box<dyn Error>> {
    // Wherever the package changes there is an identifier as well.
    let mut buffer = vec![0; room(commands) + commands.len()];
    let mut message = SetWriter::new(&mut buffer);
    // The package that commands without an identifier before them are of.
    let mut package = Some(Package::MultiPackage);
    for (index, command) in commands.iter().enumerate() {
        append(&mut message, command, direction, &mut package, with)
            .map_err(|error| command.fault(index, error))?;
    }
    Ok(message.finish()?.to_vec())
}

fn append(
    message: &mut SetWriter<'_>,
    command: &Spelled,
    direction: Direction,
    package: &mut Option<Package>,
    with: Versions,
) -> Result<(), Box<dyn Error>> {
    let Spelled { command: name, fields } = command;
    if name == "PackageId" {
        *package = Package::from_identifier(field::<PackageId>(fields, "package_identifier")?.get());
    }
    match direction {
        Direction::Downlink => message.push(&downlink(command, *package, with)?)?,
        // The only command whose octets are borrowed.
        Direction::Uplink if *package == Some(Package::MultiPackage) && name == "MultiPackBufferFrag" => {
            let data = data(fields)?;
            let part = MultiPackBufferFrag { base_byte: field(fields, "base_byte")?, data: &data };
            message.push(&UplinkItem::MultiPackage(Uplink::MultiPackBufferFrag(part)))?;
        }
        Direction::Uplink => message.push(&uplink(command, *package, with)?)?,
    }
    Ok(())
}

macro_rules! item {
    ($name:ident, $item:ident, $direction:expr) => {
        fn $name(
            command: &Spelled,
            package: Option<Package>,
            with: Versions,
        ) -> Result<$item<'static>, Box<dyn Error>> {
            let Spelled { command: name, fields } = command;
            match name.as_str() {
                "PackageId" => Ok($item::PackageId(field(fields, "package_identifier")?)),
                "CommandToken" => Ok($item::CommandToken(field(fields, "token")?)),
                _ => {
                    let package = package.ok_or("the identifier before is of no package")?;
                    let item = $item::from_fields(package, with, name, fields);
                    Ok(item.ok_or_else(|| NoSuch::Within(package, $direction))??)
                }
            }
        }
    };
}
item!(downlink, DownlinkItem, Direction::Downlink);
item!(uplink, UplinkItem, Direction::Uplink);
