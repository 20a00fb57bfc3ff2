/* SPDX-License-Identifier: MIT */
/*
 * api_cpp WORK: the public header in a C++ program, with its own idea of
 * ownership and of call-backs. Needs FLAKEY_COMMAND.
 */
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <stdexcept>
#include <string>
#include <sys/stat.h>
#include <unistd.h>
#include <vector>

#include "common/flakey.h"

namespace
{

unsigned int points;
unsigned int failures;

void ok(bool good, const std::string &name)
{
	failures += !good;
	std::printf("%sok %u - %s\n", good ? "" : "not ", ++points,
		    name.c_str());
}

class Disk
{
      public:
	Disk(const std::string &source, const std::string &mountpoint)
	{
		flakey_config config = FLAKEY_CONFIG_INIT;
		char why[FLAKEY_ERROR_MAX] = "";
		flakey *made = nullptr;

		config.source = source.c_str();
		config.mountpoint = mountpoint.c_str();
		if (flakey_start(&config, &made, why, sizeof(why)) < 0)
			throw std::runtime_error(why);
		handle.reset(made);
	}

	flakey *get() const
	{
		return handle.get();
	}

      private:
	struct Stop {
		void operator()(flakey *made) const
		{
			if (flakey_stop(made) < 0)
				std::printf("# %s\n", flakey_error(made));
			flakey_free(made);
		}
	};
	std::unique_ptr<flakey, Stop> handle;
};

bool exists(const std::string &path)
{
	return access(path.c_str(), F_OK) == 0;
}

int collect(void *user, const flakey_loss *loss)
{
	static_cast<std::vector<std::string> *>(user)->push_back(loss->path);
	return 0;
}

void lose_power()
{
	Disk disk("store", "mnt");
	std::vector<std::string> paths;
	flakey_report report = FLAKEY_REPORT_INIT;
	flakey_info status = FLAKEY_INFO_INIT;
	flakey_plan plan = FLAKEY_PLAN_INIT;
	flakey_mode_options options = FLAKEY_MODE_OPTIONS_INIT;

	std::ofstream("mnt/file") << "content";
	ok(flakey_unsynced(disk.get(), collect, &paths) > 0,
	   "losses are counted");
	ok(!paths.empty() && paths.front() == "/file", "and named");
	plan.keep = FLAKEY_KEEP_NONE;
	ok(flakey_crash(disk.get(), &plan, &report) == 0, "crash");
	ok(report.lost_bytes == 7, "the report has what was lost");
	ok(!exists("mnt/file"), "the file is gone");
	options.for_ms = 60000;
	ok(flakey_drop_writes(disk.get(), &options) == 0, "drop-writes");
	ok(flakey_status(disk.get(), &status) == 0 &&
		   std::string(status.mode) == "drop-writes for=60s",
	   "the status has the mode");
	ok(flakey_allow_writes(disk.get()) == 0, "allow-writes");
	std::ofstream("mnt/other") << "content";
}

} // namespace

int main(int argc, char **argv)
{
	if (argc != 2 || chdir(argv[1]) < 0 || mkdir("store", 0700) < 0 ||
	    mkdir("mnt", 0700) < 0) {
		std::printf("Bail out! cannot prepare\n");
		return 1;
	}
	try {
		Disk disk("nothing", "mnt");
		ok(false, "a missing source is refused");
	} catch (const std::runtime_error &error) {
		ok(std::string(error.what()).find("'nothing'") !=
			   std::string::npos,
		   "a missing source is refused");
	}
	lose_power();
	ok(exists("store/other"), "the end commits everything");
	ok(!exists("mnt/other"), "and unmounts");
	std::printf("1..%u\n", points);
	return failures > 0;
}
