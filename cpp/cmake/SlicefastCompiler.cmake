# Compilers and flags of the core: what may build it, what warns, what hardens, what sanitizers see. The variables and
# the flags given to all targets reach the directory that includes this first, and those below it.
include_guard(GLOBAL)

option(SLICEFAST_WERROR "Treat warnings as errors" OFF)
option(SLICEFAST_FUZZ "Build the fuzzing target slicefast_fuzz (Clang only)" OFF)
set(SLICEFAST_SANITIZE OFF CACHE STRING "Sanitizers: OFF, ON (address,undefined), or a list of address, undefined, thread")

# Stops unless the compiler knows vector extensions with __builtin_shufflevector and enough of C++20.
function(slicefast_check_compiler)
  set(oldest_GNU 12)         # the first with __builtin_shufflevector
  set(oldest_Clang 14)       # the oldest that the tests are run with
  set(oldest_AppleClang 15)  # Xcode 15; by reading its release notes, not tested
  set(id ${CMAKE_CXX_COMPILER_ID})
  set(allowed "GCC ${oldest_GNU}, Clang ${oldest_Clang}, AppleClang ${oldest_AppleClang} or newer")
  if(NOT DEFINED oldest_${id} OR CMAKE_CXX_COMPILER_FRONTEND_VARIANT STREQUAL "MSVC")
    message(FATAL_ERROR "compiler: got ${id} ${CMAKE_CXX_COMPILER_VERSION} (${CMAKE_CXX_COMPILER}), allowed: ${allowed}, "
                        "called by GNU-style options (on Windows: clang++ or g++, not clang-cl or cl)")
  elseif(CMAKE_CXX_COMPILER_VERSION VERSION_LESS ${oldest_${id}})
    message(FATAL_ERROR "compiler: got ${id} ${CMAKE_CXX_COMPILER_VERSION} (${CMAKE_CXX_COMPILER}), allowed: ${allowed}")
  endif()
endfunction()

# SLICEFAST_SANITIZE as a list in `out`: ON is address and undefined behaviour.
function(slicefast_sanitizers out)
  string(REPLACE "," ";" chosen "${SLICEFAST_SANITIZE}")
  if(SLICEFAST_SANITIZE MATCHES "^(ON|TRUE|YES|1)$")
    set(chosen address undefined)
  elseif(NOT SLICEFAST_SANITIZE)
    set(chosen "")
  endif()
  foreach(name IN LISTS chosen)
    if(NOT name MATCHES "^(address|undefined|thread)$")
      message(FATAL_ERROR "SLICEFAST_SANITIZE: got '${name}', allowed: OFF, ON, or a list of address, undefined, thread")
    endif()
  endforeach()
  if("thread" IN_LIST chosen AND "address" IN_LIST chosen)
    message(FATAL_ERROR "SLICEFAST_SANITIZE: got '${SLICEFAST_SANITIZE}', allowed: thread without address")
  endif()
  set(${out} ${chosen} PARENT_SCOPE)
endfunction()

# Every object: no symbol leaves the module, and what parses users' arrays is hardened. Flags by operating system: the
# stack protector and FORTIFY need run-time support that MinGW may lack.
function(slicefast_harden target)
  set_target_properties(${target} PROPERTIES POSITION_INDEPENDENT_CODE ON
    C_VISIBILITY_PRESET hidden CXX_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON)
  if(UNIX)
    target_compile_options(${target} PRIVATE -fstack-protector-strong)
    if(NOT slicefast_sanitize)  # sanitizers have checks of their own, which FORTIFY would bypass
      target_compile_options(${target} PRIVATE "$<$<NOT:$<CONFIG:Debug>>:-U_FORTIFY_SOURCE;-D_FORTIFY_SOURCE=2>")
    endif()
  endif()
endfunction()

# An extension module of Python: hardened, and nothing but its PyInit is to be seen.
function(slicefast_harden_module target)
  slicefast_harden(${target})
  if(APPLE)
    target_link_options(${target} PRIVATE -Wl,-exported_symbol,_PyInit_${target})
  elseif(UNIX)
    # Templates of the standard library have default visibility whatever the flags say.
    set(script ${CMAKE_CURRENT_BINARY_DIR}/${target}.map)
    file(WRITE ${script} "{ global: PyInit_${target}; local: *; };\n")
    target_link_options(${target} PRIVATE -Wl,--version-script=${script} -Wl,-z,relro,-z,now)
  endif()
endfunction()

# Clang's -Wconversion minds signs as well; GCC's -Wsign-conversion would warn of template arguments as array bounds.
set(slicefast_warnings -Wall -Wextra -Wconversion)
if(SLICEFAST_WERROR)
  list(APPEND slicefast_warnings -Werror)
endif()

slicefast_check_compiler()
slicefast_sanitizers(slicefast_sanitize)
if(slicefast_sanitize)
  # With assertions: every window of the scheduler then checks that no bit was lost.
  list(JOIN slicefast_sanitize "," names)
  add_compile_options(-fsanitize=${names} -fno-omit-frame-pointer -g -UNDEBUG)
  add_link_options(-fsanitize=${names})
  if("undefined" IN_LIST slicefast_sanitize)
    add_compile_options(-fno-sanitize-recover=undefined)
  endif()
endif()
if(SLICEFAST_FUZZ)
  if(NOT CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
    message(FATAL_ERROR "SLICEFAST_FUZZ: got compiler ${CMAKE_CXX_COMPILER_ID}, allowed: Clang, which brings libFuzzer")
  endif()
  # Counters of edges alone. What `fuzzer-no-link` adds, a call at every comparison, doubles the time of an input; it finds
  # magic numbers in bytes, and the walk reads none.
  add_compile_options(-fsanitize-coverage=inline-8bit-counters,pc-table -g -UNDEBUG)
endif()
