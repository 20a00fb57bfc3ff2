// SPDX-License-Identifier: MIT
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard};
use std::{env, fs};

// One disk, one power: the tests take turns.
static TURN: Mutex<()> = Mutex::new(());

struct Disk {
    path: PathBuf,
    _turn: MutexGuard<'static, ()>,
}

impl Disk {
    /// An empty directory that can lose power, or None without `flakey run`.
    fn new() -> Option<Disk> {
        let turn = TURN.lock().unwrap();
        let path = PathBuf::from(env::var_os("FLAKEY_DIR")?);
        let disk = Disk { path, _turn: turn };
        disk.tell("fault clear");
        let _ = fs::remove_file(disk.path.join("color"));
        disk.tell("sync");
        Some(disk)
    }

    fn tell(&self, command: &str) {
        fs::write(self.path.join(".flakey/control"), command).expect(command);
    }

    fn color(&self) -> String {
        fs::read_to_string(self.path.join("color")).unwrap()
    }
}

#[test]
fn what_was_put_survives_a_power_failure() {
    let disk = match Disk::new() {
        Some(disk) => disk,
        None => return,
    };
    store::put(&disk.path, "color", "red").unwrap();
    disk.tell("crash");
    assert_eq!(disk.color(), "red");
}

#[test]
fn a_failed_sync_is_told_and_harms_nothing() {
    let disk = match Disk::new() {
        Some(disk) => disk,
        None => return,
    };
    store::put(&disk.path, "color", "red").unwrap();
    disk.tell("fault add fs/fsync=1*return(EIO)");
    let error = store::put(&disk.path, "color", "green").unwrap_err();
    assert_eq!(error.raw_os_error(), Some(5)); // EIO
    disk.tell("crash");
    assert_eq!(disk.color(), "red");
}
