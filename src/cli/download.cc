#include "cli/download.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include <cerrno>

#include "base/file.h"
#include "cli/problem.h"

namespace sluice::cli {

Result<Download> download(HttpClient& client, const Request& request,
                          const std::filesystem::path& directory,
                          const std::function<std::string(const Response&)>& choose_name) {
  const std::filesystem::path aside = directory / fmt::format(".sluice-{}.part", ::getpid());
  SLUICE_TRY(Fd fd, open_file(aside, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0666));
  Download done;
  const auto run = [&]() -> Status {
    SLUICE_TRY(const Response response, client.send(request, [&](std::string_view bytes) {
      done.size += bytes.size();
      return write_all(fd, bytes);
    }));
    done.status = response.status;
    if (response.status == 404) return fail(problem_error(response));
    if (!response.is_success()) return fail(problem_error(response));
    // What the file system could not write shows at the latest here.
    if (::close(fd.release()) != 0)
      return fail(system_error(errno, fmt::format("write {}", aside.native())));
    done.path = directory / choose_name(response);
    if (::rename(aside.c_str(), done.path.c_str()) != 0) {
      return fail(system_error(errno, fmt::format("rename to {}", done.path.native())));
    }
    return {};
  };
  const Status ran = run();
  if (!ran) ::unlink(aside.c_str());
  if (!ran && done.status != 404) return fail(ran.error());
  return done;
}

}  // namespace sluice::cli
