// SPDX-License-Identifier: MIT
use std::fs::{rename, File};
use std::io::{Result, Write};
use std::path::Path;

/// Puts text into the file `name` of a directory: all of it or nothing, and for
/// good when it returns Ok.
pub fn put(directory: &Path, name: &str, text: &str) -> Result<()> {
    let temporary = directory.join(format!("{name}.new"));
    let mut file = File::create(&temporary)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    rename(&temporary, directory.join(name))?;
    File::open(directory)?.sync_all()
}
