# Run by `cmake --install`, which alone knows the prefix. As Debian has it, zsh and fish look elsewhere for
# what comes in a package (/usr) than for what an administrator installs (/usr/local).
set(zsh ${CMAKE_INSTALL_PREFIX}/share/zsh/site-functions)
set(fish ${CMAKE_INSTALL_PREFIX}/share/fish/vendor_completions.d)
if(CMAKE_INSTALL_PREFIX STREQUAL "/usr")
    set(zsh /usr/share/zsh/vendor-completions)
elseif(CMAKE_INSTALL_PREFIX STREQUAL "/usr/local")
    set(fish /etc/fish/completions)
endif()
file(INSTALL ${words}/_jobhost DESTINATION ${zsh})
file(INSTALL ${words}/jobhost.fish DESTINATION ${fish})
