#include "base/thread_role.h"

#include <pthread.h>

namespace sluice {

void ThreadRole::take(const char* thread_name) {
  owner_.store(std::this_thread::get_id());
  pthread_setname_np(pthread_self(),
                     thread_name);  // At most 15 characters; longer ones are refused.
}

}  // namespace sluice
