// SPDX-License-Identifier: MIT
package store

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// disk returns an empty directory that can lose power, and a function that gives a
// command to it.
func disk(t *testing.T) (string, func(string)) {
	dir := os.Getenv("FLAKEY_DIR")
	if dir == "" {
		t.Skip("no FLAKEY_DIR: use 'flakey run -- go test ./...'")
	}
	tell := func(command string) {
		t.Helper()
		control := filepath.Join(dir, ".flakey", "control")
		if err := os.WriteFile(control, []byte(command), 0); err != nil {
			t.Fatalf("%s: %v", command, err)
		}
	}
	tell("fault clear")
	os.Remove(filepath.Join(dir, "color"))
	tell("sync")
	return dir, tell
}

func wantColor(t *testing.T, dir, want string) {
	t.Helper()
	got, err := os.ReadFile(filepath.Join(dir, "color"))
	if err != nil || string(got) != want {
		t.Fatalf("want %q, got %q, %v", want, got, err)
	}
}

func TestWhatWasPutSurvivesAPowerFailure(t *testing.T) {
	dir, tell := disk(t)
	if err := Put(dir, "color", "red"); err != nil {
		t.Fatal(err)
	}
	tell("crash")
	wantColor(t, dir, "red")
}

func TestAFailedSyncIsToldAndHarmsNothing(t *testing.T) {
	dir, tell := disk(t)
	if err := Put(dir, "color", "red"); err != nil {
		t.Fatal(err)
	}
	tell("fault add fs/fsync=1*return(EIO)")
	if err := Put(dir, "color", "green"); !errors.Is(err, syscall.EIO) {
		t.Fatalf("want EIO, got %v", err)
	}
	tell("crash")
	wantColor(t, dir, "red")
}
